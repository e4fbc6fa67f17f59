from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.models import PortRuntime
from notes.models import PortNote
from portatlas.models import Port
from portatlas.states import PortState
from tests.conftest import NOON
from tests.portatlas.reference import state_counts

HOUR = timedelta(hours=1)


def state_of(port, note, at, swept):  # noqa: PLR0911  # one line of the table, one return
    """The table of DESIGN, once more, in plain Python: what the SQL must agree with."""
    widths = ["loopback", "link", "private", "any"]
    active = port["current_state"] == "active"
    escaped = (
        note is not None
        and note["expected_scope"] != ""
        and widths.index(port["scope"]) > widths.index(note["expected_scope"])
    )
    fourth = port["transition_4_at"]
    if active and note is not None and note["risk_level"] == "suspicious":
        return PortState.SUSPICIOUS
    if active and note is None and port["owner_state"] == "unknown":
        return PortState.SUSPICIOUS
    if active and escaped:
        return PortState.SUSPICIOUS
    if fourth is not None and fourth >= at - HOUR:
        return PortState.FLAPPING
    if not active and note is not None and note["risk_level"] in {"expected", "trusted"}:
        return PortState.GHOST
    if active and note is not None and note["risk_level"] == "trusted":
        up_long = port["active_since"] <= swept - HOUR
        return PortState.HEALTHY if up_long else PortState.KNOWN
    if active:
        return PortState.UNNOTED if note is None else PortState.KNOWN
    return PortState.GONE


times = st.sampled_from([0, 1, 59, 60, 61, 3599, 3600, 3601, 3606, 3607, 3608, 86400]).map(
    lambda seconds: NOON - timedelta(seconds=seconds)
)
ports = st.fixed_dictionaries(
    {
        "current_state": st.sampled_from(["active", "disappeared"]),
        "owner_state": st.sampled_from(["known", "kernel", "unknown", "not_permitted", "pending"]),
        "scope": st.sampled_from(["loopback", "link", "private", "any"]),
        "active_since": times,
        "last_disappeared_at": times,
        "transition_4_at": st.none() | times,
    }
)
notes = st.none() | st.fixed_dictionaries(
    {
        "risk_level": st.sampled_from(["trusted", "expected", "suspicious"]),
        "expected_scope": st.sampled_from(["", "loopback", "link", "private", "any"]),
    }
)


SWEPT = NOON - timedelta(seconds=7)


@pytest.fixture
def host(add_host):
    return add_host(last_sweep_at=SWEPT)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(ports, notes), min_size=20, max_size=20))
def test_the_sql_agrees_with_the_table_in_plain_python(host, cases):
    PortRuntime.objects.all().delete()
    PortNote.objects.all().delete()
    PortRuntime.objects.bulk_create(
        PortRuntime(
            host=host,
            protocol="tcp",
            port=1 + number,
            first_seen_at=NOON,
            last_seen_at=NOON,
            **port,
        )
        for number, (port, _note) in enumerate(cases)
    )
    PortNote.objects.bulk_create(
        PortNote(host_id=host.host_id, protocol="tcp", port=1 + number, title="x", **note)
        for number, (_port, note) in enumerate(cases)
        if note is not None
    )

    found = [port.state for port in Port.objects.with_state(NOON).order_by("port")]

    assert found == [state_of(port, note, NOON, SWEPT) for port, note in cases]


LONG_AGO = NOON - timedelta(days=9)


@pytest.mark.parametrize(
    ("fact", "note", "state", "reason"),
    [
        ({}, {"risk_level": "suspicious"}, "suspicious", "its note says suspicious"),
        (
            {"owner_state": "unknown"},
            None,
            "suspicious",
            "nobody holds it and nobody wrote it down",
        ),
        (
            {"scope": "any"},
            {"risk_level": "trusted", "expected_scope": "private"},
            "suspicious",
            "it escaped: its note allows private networks, and it is open to everywhere",
        ),
        (
            {"transition_4_at": NOON - HOUR},
            {"risk_level": "trusted"},
            "flapping",
            "it came or went four times within the last hour",
        ),
        (
            {"gone": True},
            {"risk_level": "expected"},
            "ghost",
            "its note expects it, but it is gone",
        ),
        ({}, {"risk_level": "trusted"}, "healthy", "trusted, and up for an hour or more"),
        (
            {"active_since": NOON},
            {"risk_level": "trusted"},
            "known",
            "trusted, but not up for an hour yet",
        ),
        ({}, {"risk_level": "expected"}, "known", "it has a note"),
        ({}, None, "unnoted", "it has no note"),
        ({"owner_state": "not_permitted"}, None, "unnoted", "it has no note"),
        ({"gone": True}, None, "gone", "it disappeared, and no note expects it"),
        (
            {"gone": True},
            {"risk_level": "suspicious"},
            "gone",
            "it disappeared, and no note expects it",
        ),
    ],
)
def test_each_state_comes_with_its_reason(open_port, write_note, fact, note, state, reason):
    open_port(80, **fact)
    if note is not None:
        write_note(80, **note)

    port = Port.objects.with_state(NOON).get()

    assert (port.state.value, port.reason) == (state, reason)


def test_the_most_urgent_comes_first(open_port, write_note):
    open_port(1, gone=True)
    open_port(2)
    open_port(3)
    write_note(3, risk_level="trusted")
    open_port(4, owner_state="unknown")
    open_port(5, gone=True)
    write_note(5)

    board = Port.objects.for_board(NOON)

    assert [port.state.value for port in board] == [
        "suspicious",
        "ghost",
        "unnoted",
        "healthy",
        "gone",
    ]


def test_counting_states_is_one_query(open_port, write_note, django_assert_num_queries):
    open_port(1)
    open_port(2)
    open_port(3, gone=True)
    write_note(3)

    with django_assert_num_queries(1):
        counts = state_counts(Port.objects.with_state(NOON))

    assert counts == {(PortState.UNNOTED, True): 2, (PortState.GHOST, False): 1}


def test_an_active_port_was_last_seen_when_its_host_was_swept(open_port):
    open_port(80, last_seen_at=LONG_AGO, first_seen_at=LONG_AGO, active_since=LONG_AGO)

    port = Port.objects.for_board(NOON).get()

    assert (port.seen_at, port.uptime) == (NOON, timedelta(days=9))


def test_nobody_knows_how_long_a_port_is_up_that_nobody_looks_at(open_port, write_note):
    open_port(80, active_since=NOON - timedelta(minutes=5))
    write_note(80, risk_level="trusted")

    port = Port.objects.with_state(NOON + timedelta(hours=5)).get()

    assert port.state == PortState.KNOWN


def test_a_trusted_port_is_not_healthy_before_it_is_back_from_a_reboot(
    add_host, open_port, write_note
):
    """N62: its row is still the one from before, with the uptime of then."""
    add_host(unsettled="boot", watched_since=NOON - timedelta(minutes=1))
    open_port(80, last_seen_at=NOON - HOUR, active_since=LONG_AGO)
    write_note(80, risk_level="trusted")

    port = Port.objects.for_board(NOON).get()

    assert (port.state, port.is_awaited, port.uptime) == (PortState.KNOWN, True, None)
    assert port.seen_at == NOON - HOUR
