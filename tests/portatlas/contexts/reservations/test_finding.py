"""Which free ports are chosen, held against the plainest way to say it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portatlas.contexts.reservations.finding import Free, NoneFreeError

FIRST, LAST = 65500, 65535  # where ports end, too

numbers = st.sets(st.integers(FIRST, LAST))


def plainly(free, count, near, adjacent):
    """Return what is to be chosen of some ports, or None."""
    rows = [range(port, port + count) for port in free] if adjacent else [[port] for port in free]
    rows = [row for row in rows if free.issuperset(row)]
    rows.sort(key=lambda row: row[0] if near is None else (abs(row[0] - near), -row[0]))
    chosen = rows[: 1 if adjacent else count]
    found = sorted(port for row in chosen for port in row)
    return found if len(found) == count else None


@given(
    taken=numbers,
    unusable=numbers,
    count=st.integers(1, 6),
    near=st.none() | st.integers(FIRST - 5, LAST + 5),
    adjacent=st.booleans(),
)
def test_what_is_chosen_is_the_lowest_or_nearest_that_is_free(
    taken, unusable, count, near, adjacent
):
    free = Free([range(FIRST, LAST + 1)])
    free.leave_out(taken)

    try:
        found = free.choose(
            count, near=near, adjacent=adjacent, is_usable=lambda port: port not in unusable
        )
    except NoneFreeError:
        found = None

    assert found == plainly(set(range(FIRST, LAST + 1)) - taken - unusable, count, near, adjacent)


def test_only_what_would_be_taken_is_asked_whether_it_is_usable():
    asked = []

    Free([range(8000, 9000)]).choose(3, is_usable=lambda port: asked.append(port) is None)

    assert asked == [8000, 8001, 8002]


def test_each_port_is_left_out_once():
    free = Free([range(8000, 8010)])

    assert [free.leave_out(range(7990, 8005)), free.leave_out([8004, 8005])] == [5, 1]


def test_numbers_that_no_port_has_are_not_free():
    with pytest.raises(NoneFreeError) as refused:
        Free([range(-5, 2), range(65535, 70000)]).choose(10)

    assert refused.value.found == (1, 65535)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"count": 1}, [8000]),
        ({"count": 3}, [8000, 8001, 8005]),
        ({"count": 3, "adjacent": True}, [8005, 8006, 8007]),
        ({"count": 1, "near": 8002}, [8001]),
        ({"count": 1, "near": 8003}, [8005]),
        ({"count": 2, "near": 8007}, [8007, 8008]),
        ({"count": 2, "near": 8003, "adjacent": True}, [8005, 8006]),
        ({"count": 1, "near": 1}, [8000]),
        ({"count": 1, "near": 65535}, [8008]),
        ({"count": 2, "is_usable": lambda port: port % 2}, [8001, 8005]),
        ({"count": 2, "adjacent": True, "is_usable": lambda port: port != 8001}, [8005, 8006]),
    ],
)
def test_ports_are_chosen_as_they_are_wanted(wanted, found):
    assert Free([range(8000, 8002), range(8005, 8009)]).choose(**wanted) == found


def test_a_row_that_is_not_there_is_none():
    with pytest.raises(NoneFreeError) as refused:
        Free([range(1, 3), range(4, 6)]).choose(3, adjacent=True)

    assert refused.value.found == ()
