"""In which stretches a host was watched: the rows, the gaps between them, and the bar."""

from datetime import timedelta

import pytest

from collector.models import Coverage
from portatlas.board.stretches import Bar, watch
from tests.conftest import NOON

HOUR = timedelta(hours=1)


@pytest.fixture
def cover(add_host):
    """Return a function that records in which spans a host was watched, in hours before noon."""

    def cover(*spans, boots=None, **fields):
        boots = boots or ["b1"] * len(spans)
        times = [(NOON - start * HOUR, NOON - end * HOUR) for start, end in spans]
        host = add_host(
            boot_id=boots[-1],
            watched_since=times[-1][0],
            watched_until=times[-1][1],
            sweeps=240,
            **fields,
        )
        for (start, end), boot in zip(times, boots, strict=True):
            Coverage.objects.create(
                host=host, boot_id=boot, started_at=start, ended_at=end, sweeps=7
            )
        return host

    return cover


def test_between_two_stretches_lies_a_gap_with_its_reason(cover):
    host = cover((10, 8), (7, 5), (4, 0), boots=["b1", "b1", "b2"])

    rows = watch(host, NOON).rows

    assert [(row.is_gap, row.length, row.why if row.is_gap else "") for row in rows] == [
        (False, "4 h", ""),
        (True, "1 h", "It rebooted in between."),
        (False, "2 h", ""),
        (True, "1 h", "Nobody looked."),
        (False, "2 h", ""),
    ]


def test_how_far_the_open_stretch_reaches_stands_on_its_host(cover):
    """A sweep writes the host alone, so the row of an open stretch says only when it began."""
    host = cover((10, 0))
    Coverage.objects.update(ended_at=NOON - 10 * HOUR, sweeps=1, failures=3, last_failure="failed")

    stretch = watch(host, NOON).open

    assert (stretch.length, stretch.sweeps, stretch.failures) == ("10 h", 240, 3)


def bar(host, now=NOON):
    return Bar.of(watch(host, now), now)


def test_a_week_is_drawn_where_it_was_watched(cover):
    drawn = bar(cover((168, 84), (42, 0)))

    assert drawn.parts == (("0.00", "500.00"), ("750.00", "250.00"))
    assert drawn.text == "Watched 75 % of the last 7 d. 1 gap: 1 d, up to 1 d ago."


def test_a_stretch_that_began_before_the_week_is_cut(cover):
    drawn = bar(cover((1000, 0)))

    assert drawn.parts == (("0.00", "1000.00"),)
    assert drawn.text == "Watched 100 % of the last 7 d. No gaps."


def test_a_stretch_too_short_to_be_seen_is_drawn_all_the_same(cover):
    assert bar(cover((0.01, 0))).parts == (("997.00", "3.00"),)


def test_a_new_host_is_measured_from_its_first_look(cover):
    assert bar(cover((2, 0)), NOON + timedelta(seconds=10)).text == (
        "Watched 100 % of the 2 h since 2026-01-01 10:00:00 UTC, when it was first looked at. "
        "No gaps."
    )


def test_silence_is_a_gap(cover):
    drawn = bar(cover((168, 84)))

    assert drawn.text == "Watched 50 % of the last 7 d. 1 gap: 3 d, up to 0 s ago."


def test_a_host_that_was_never_watched_says_so(add_host):
    assert bar(add_host()).text == "Nobody has watched this host yet."


def test_many_stretches_are_cut_in_the_table_and_named_in_the_bar(cover):
    host = cover(*((n + 0.5, n) for n in range(599, -1, -1)))

    watched = watch(host, NOON)

    assert (len(watched.stretches), watched.is_whole) == (500, False)
    assert sum(not row.is_gap for row in watched.newest()) == 50
