"""In which state a port was: by the rules that the board asks, and as the board said then."""

from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from simple_history.utils import bulk_create_with_history

from collector.models import Coverage, Host, HostEvent, PortEvent, PortRuntime
from collector.services import reconcile
from collector.sweep import Owner, OwnerState, Scope
from notes.models import PortNote
from portatlas import past
from portatlas.contexts.reservations.models import Reservation, ReservationEvent
from portatlas.contexts.reservations.services import Actor, release, renew
from portatlas.hindsight import UNSURE
from portatlas.models import Port
from portatlas.reserving import observing
from portatlas.retrospect import Retrospect
from portatlas.states import ANOTHERS
from tests.collector.sweeps import listener, sweep
from tests.conftest import NOON
from tests.portatlas.bookings import reserved

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
LONG_AGO = NOON - 9 * HOUR
RISKS = PortNote.RiskLevel.values
NOTES = [None, *product(RISKS, ["", *Scope])]


@pytest.fixture
def host(add_host):
    """A host that is watched, and was swept a moment ago."""
    return add_host(
        last_look_at=NOON,
        last_sweep_at=NOON - timedelta(seconds=7),
        watched_since=LONG_AGO,
        watched_until=NOON,
    )


def record(host, cases):
    """Record a port for each case, with its note and the history of that."""
    PortRuntime.objects.all().delete()
    PortNote.objects.all().delete()
    PortNote.history.all().delete()
    PortRuntime.objects.bulk_create(
        PortRuntime(
            host=host,
            protocol="tcp",
            port=number,
            first_seen_at=LONG_AGO,
            last_seen_at=NOON,
            last_disappeared_at=NOON,
            **port,
        )
        for number, (port, _note) in enumerate(cases, start=1)
    )
    notes = [
        PortNote(
            host_id=host.host_id,
            protocol="tcp",
            port=number,
            risk_level=note[0],
            expected_scope=note[1],
        )
        for number, (_port, note) in enumerate(cases, start=1)
        if note
    ]
    bulk_create_with_history(notes, PortNote, default_date=LONG_AGO)


def reserve_for_another(numbers):
    """Reserve ports, long ago, for another program than the one without a name that has them."""
    ReservationEvent.objects.all()._raw_delete("default")
    Reservation.objects.all().delete()
    for number in numbers:
        host_id = "*" if number % 3 == 0 else "atlas"
        reserved(number, host_id=host_id, at=LONG_AGO, process_name="nginx")
    observing.look_after(NOON, here="atlas")


def on_the_board():
    """Return severity, reason and whether it is a client's, of each port as the SQL says."""
    ports = Port.objects.with_client().with_state(NOON).select_related("note", "host")
    return {
        port.port: (port.severity, port.reason, port.counts_as_client)
        for port in ports.order_by("port")
    }


def in_hindsight():
    """Return the same of each port as it was just now."""
    found = Retrospect(Port.objects.order_by("port"), Host.objects.in_bulk(), NOON, NOON)
    return {
        port.port: (stood.severity, stood.reason, stood.counts_as_client)
        for port, _look, stood, _is_client, _was_seen in found
    }


def test_what_was_just_now_is_what_the_board_says_whatever_a_port_is(host):
    cases = [
        (
            {
                "current_state": current_state,
                "owner_state": owner_state,
                "scope": scope,
                "is_client": is_client,
                "transition_1_at": NOON,
                "transition_4_at": NOON - HOUR / 2 if is_flapping else None,
                "active_since": LONG_AGO if is_settled else NOON - HOUR / 2,
            },
            note,
        )
        for current_state, owner_state, scope, is_client, is_flapping, is_settled, note in product(
            *(["active", "disappeared"], OwnerState, Scope, *[[True, False]] * 3, NOTES)
        )
    ]
    record(host, cases)
    reserve_for_another(range(1, len(cases), 200))

    told = in_hindsight()

    assert len(told) == 2 * 6 * 4 * 8 * 16
    assert ANOTHERS in {reason for _severity, reason, _is_client in told.values()}
    assert told == on_the_board()


times = st.sampled_from([0, 7, 59, 3599, 3600, 3601, 3606, 3607, 3608, 7200]).map(
    lambda seconds: NOON - timedelta(seconds=seconds)
)
ports = st.fixed_dictionaries(
    {
        "current_state": st.sampled_from(["active", "disappeared"]),
        "owner_state": st.sampled_from(OwnerState),
        "scope": st.sampled_from(Scope),
        "is_client": st.booleans(),
        "active_since": times,
        "transition_4_at": st.none() | times,
    }
)


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.tuples(ports, st.sampled_from(NOTES)), min_size=20, max_size=20),
    st.sampled_from(["", "boot"]),
    st.sets(st.integers(1, 20), max_size=4),
)
def test_what_was_just_now_is_what_the_board_says_at_every_limit_of_time(
    host, cases, unsettled, numbers
):
    Host.objects.update(unsettled=unsettled)
    record(host, cases)
    reserve_for_another(numbers)

    told = in_hindsight()

    assert told == on_the_board()


# What the board said, sweep by sweep

TICK = timedelta(minutes=10)  # so that an hour is few sweeps
OWNERS = [
    Owner(OwnerState.KNOWN, (1,), "nginx", "nginx", "/usr/sbin/nginx", "root"),
    Owner(OwnerState.KNOWN, (2,), "caddy", "caddy", "/usr/bin/caddy", "www"),
    Owner(OwnerState.KERNEL),
    Owner(OwnerState.UNKNOWN),
]
looks = st.tuples(
    st.sampled_from(OWNERS), st.sampled_from(["a", "b"]), st.sampled_from(["0.0.0.0", "127.0.0.1"])
)
steps = st.fixed_dictionaries(
    {
        "seen": st.tuples(st.none() | looks, st.none() | looks),
        "after": st.sampled_from([1, 1, 1, 1, 2, 9]),  # ticks; more than three are a gap
        "boots": st.sampled_from([False] * 9 + [True]),
        "note": st.none()
        | st.tuples(
            st.sampled_from(["write", "delete", "move"]),
            st.sampled_from(["atlas", "*"]),
            st.sampled_from([80, 81]),
            st.sampled_from(RISKS),
            st.sampled_from(["", "loopback"]),
        ),
    }
)


def write(verb, host_id, number, risk, scope):
    """Write a note, or delete it or let it speak for the other port, if it is there."""
    of_host = PortNote.objects.filter(host_id=host_id)
    found = of_host.filter(port=number).first()
    other = 161 - number
    if verb == "delete":
        if found:
            found.delete()
    elif verb == "move":
        if found and not of_host.filter(port=other):
            found.port = other
            found.save()
    else:
        note = found or PortNote(host_id=host_id, protocol="tcp", port=number)
        note.risk_level, note.expected_scope = risk, scope
        note.save()


def reenact(history, travel):
    """Take the looks and write the notes; return what the board said after each look, and when."""
    at, boot, seen, said = NOON, 0, (None, None), []
    for step in history:
        travel(at + TICK / 2)
        if step["note"]:
            write(*step["note"])
        at += step["after"] * TICK
        boot += step["boots"]
        # That a port is held by another, or reached from elsewhere, after a boot is no event.
        back = [each and before for each, before in zip(step["seen"], seen, strict=True)]
        seen = back if step["boots"] else step["seen"]
        found = zip((80, 81), seen, strict=True)
        listeners = [listening(number, *each, boot) for number, each in found if each]
        reconcile(
            sweep(
                listener(22, pid=7),
                *listeners,
                taken_at=at,
                interval=TICK.total_seconds(),
                boot_id=f"b{boot}",
                uptime=60 if step["boots"] else 100_000,
            ),
            confirmed=True,
        )
        ports = Port.objects.with_state(at).select_related("note", "host")
        said.append((at, list(ports)))
    return said, at


def severity(stood):
    return stood and stood.severity


def listening(number, owner, cookie, address, boot):
    """Return a listener; another owner or address has another socket."""
    scope = Scope.ANY if address == "0.0.0.0" else Scope.LOOPBACK
    socket = f"{boot}-{OWNERS.index(owner)}-{address}-{cookie}"
    return replace(listener(number, cookie=socket, address=address, scope=scope), owner=owner)


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(steps, min_size=3, max_size=14))
def test_what_the_board_said_is_told_later_or_it_is_said_why_not(db, history):
    for model in (PortEvent, HostEvent, Coverage, PortRuntime, Host, PortNote):
        model.objects.all().delete()
    PortNote.history.all().delete()
    with time_machine.travel(NOON, tick=False) as clock:
        said, now = reenact(history, clock.move_to)

    ports = list(Port.objects.select_related("host").order_by("pk"))
    for moment, board in said:
        found = past.of_all(ports, moment, now)
        every = Retrospect(Port.objects.order_by("pk"), Host.objects.in_bulk(), moment, now)
        assert [(each.look, severity(each.stood)) for each in every] == [
            (found[port.pk].look, severity(found[port.pk].stood)) for port in ports
        ]
        for then in board:
            told = found[then.pk]
            if told.stood is None:
                assert told.reason == UNSURE
            elif then.owner_state != "pending":  # of whom one look later it is known
                assert (told.stood.state, told.stood.reason) == (then.state, then.reason)


# What can't be told, and what is odd


def look(ticks, *listeners, **fields):
    """Look at the host so many ticks after noon."""
    at = NOON + ticks * TICK
    told = {"taken_at": at, "interval": TICK.total_seconds(), "uptime": 100_000} | fields
    return reconcile(sweep(listener(22, pid=7), *listeners, **told))


def state(ticks, now, number=80):
    """Return the state that a port had so many ticks after noon, or why it isn't told."""
    port = Port.objects.select_related("host").get(port=number)
    found = past.at(port, NOON + ticks * TICK, NOON + now * TICK)
    return str(found.stood.state) if found.stood else found.reason


@pytest.fixture
def trusted():
    """A note that trusts port 80, from before noon."""
    with time_machine.travel(NOON - HOUR):
        return PortNote.objects.create(
            host_id="atlas", protocol="tcp", port=80, risk_level="trusted"
        )


NGINX = listener(80, cookie="a", pid=100, name="nginx")
CADDY = listener(80, cookie="b", pid=200, name="caddy")


def test_a_trusted_port_was_healthy_an_hour_after_it_came(trusted):
    for ticks in range(12):
        look(ticks, *([NGINX] if ticks >= 2 else []))
    look(12)
    look(13, NGINX)

    assert [state(ticks, 13) for ticks in (2, 7, 8, 11, 12, 13)] == [
        *("known", "known", "healthy", "healthy", "ghost", "known"),
    ]


def test_a_port_that_came_and_went_four_times_was_flapping_for_an_hour(trusted):
    for ticks in range(16):
        look(ticks, *([NGINX] if ticks in {0, 2} or ticks >= 4 else []))
    look(16, CADDY)

    # The fourth-last transition is that of the first tick, then those after it.
    assert [state(ticks, 16) for ticks in (3, 4, 7, 8, 9)] == [
        *("ghost", "flapping", "flapping", "known", "known"),
    ]


def test_whether_a_port_that_was_taken_over_is_up_since_then_is_not_told(trusted):
    """A new program may have got the socket that was there, as with socket activation."""
    for ticks in range(10):
        look(ticks, NGINX)
    for ticks in range(10, 20):
        look(ticks, CADDY)
    look(20, NGINX)

    assert [state(ticks, 20) for ticks in (9, 10, 15, 16)] == ["healthy", UNSURE, UNSURE, "healthy"]


def test_of_the_last_time_that_a_port_was_taken_over_it_is_told(trusted):
    for ticks in range(20):
        look(ticks, NGINX if ticks < 10 else CADDY)

    assert [state(ticks, 19) for ticks in (10, 15, 16)] == ["known", "known", "healthy"]


def test_a_port_that_nobody_held_was_suspicious():
    nobodys = replace(NGINX, owner=Owner(OwnerState.UNKNOWN))
    look(0, nobodys)
    look(1, nobodys)
    look(2)
    look(3, CADDY)

    assert [state(ticks, 3) for ticks in (1, 2, 3)] == ["suspicious", "gone", "unnoted"]


@pytest.mark.parametrize(
    ("names", "told"), [(["nginx", "caddy"], "unnoted"), (["", "caddy"], UNSURE)]
)
def test_an_event_from_before_owners_were_recorded_tells_of_one_with_a_name(names, told):
    look(0, CADDY)
    look(1, CADDY)
    PortEvent.objects.create(
        port_runtime=PortRuntime.objects.get(port=80),
        event_type="rebound",
        timestamp=NOON + TICK,
        changes={"process_name": names},
    )

    assert state(0, 1) == told


def test_who_owned_a_port_makes_no_difference_where_it_has_a_note(trusted):
    look(0, CADDY)
    PortEvent.objects.create(
        port_runtime=PortRuntime.objects.get(port=80),
        event_type="rebound",
        timestamp=NOON + TICK,
        changes={"process_name": ["", "caddy"]},
    )

    assert state(0, 1) == "known"


def test_a_port_that_was_awaited_after_a_boot_has_the_state_that_it_had_meanwhile(trusted):
    look(0, NGINX)
    boot = {"boot_id": "b2", "interval": 15}
    at = NOON + TICK
    for number in range(1, 9):
        taken_at = at + timedelta(seconds=30 * number)
        look(0, **boot, taken_at=taken_at, uptime=30 * number)
    port = Port.objects.select_related("host").get(port=80)

    found = [past.at(port, at + timedelta(seconds=seconds), taken_at) for seconds in (60, 200)]

    assert [(str(each.look), str(each.stood.state), each.reason) for each in found] == [
        ("down", "known", past.AWAITED),
        ("down", "ghost", ""),
    ]


def test_a_port_that_somebody_else_held_was_suspicious_for_as_long(trusted):
    reserved(80, at=NOON - HOUR, process_name="nginx")
    for ticks, seen in enumerate([NGINX, CADDY, CADDY, NGINX, None, CADDY]):
        look(ticks, *[seen] if seen else [])
        observing.look_after(NOON + ticks * TICK, here="atlas")

    assert [state(ticks, 5) for ticks in range(6)] == [
        *("known", "suspicious", "suspicious", "known", "ghost", "suspicious"),
    ]


@pytest.mark.parametrize("host_id", ["atlas", "*"])
def test_what_a_reservation_said_that_was_made_or_released_meanwhile_is_told(host_id):
    look(0, CADDY)
    reserved(80, host_id=host_id, at=NOON + TICK, process_name="nginx")
    observing.look_after(NOON + 2 * TICK, here="atlas")
    release((host_id, "tcp", 80), by=Actor("ann"), at=NOON + 3 * TICK)
    look(4, CADDY)

    assert [state(ticks, 4) for ticks in range(4)] == [
        *("unnoted", "suspicious", "suspicious", "unnoted"),
    ]


def test_a_reservation_that_was_renewed_made_nobody_elses_port_its_own(trusted):
    reserved(80, at=NOON - HOUR, process_name="nginx")
    look(0, CADDY)
    observing.look_after(NOON, here="atlas")
    renew(("atlas", "tcp", 80), {}, by=Actor("ann"), at=NOON + TICK)
    look(2, CADDY)

    assert [state(ticks, 2) for ticks in range(3)] == ["suspicious"] * 3


def test_somebody_else_on_one_host_makes_no_other_suspicious():
    reserved(80, at=NOON - HOUR, process_name="nginx")
    look(0, CADDY)
    reconcile(sweep(CADDY, listener(81), host_id="web", machine_id="web"))
    observing.look_after(NOON, here="atlas")

    found = Retrospect(Port.objects.order_by("pk"), Host.objects.in_bulk(), NOON, NOON)

    assert {(each.port.host_id, each.port.port): each.stood.reason for each in found} == {
        ("atlas", 22): "it has no note",
        ("atlas", 80): ANOTHERS,
        ("web", 80): "it has no note",
        ("web", 81): "it has no note",
    }
