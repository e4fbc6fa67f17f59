"""Time as sweeps tell it: clocks that jump, looks that come late, boots and gaps."""

from dataclasses import replace
from datetime import timedelta

import pytest

from collector.models import Coverage, Host, HostEvent, PortEvent, PortRuntime
from collector.services import reconcile
from collector.sweep import Scope, Verdict
from tests.collector.sweeps import TICK, events, listener, sweep
from tests.conftest import NOON

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def told():
    return list(HostEvent.objects.order_by("pk").values_list("event_type", flat=True))


def test_a_clock_that_was_set_back_neither_loses_looks_nor_moves_times_back():
    """N63: within one boot, the seconds since boot tell which look is newer."""
    reconcile(sweep(listener(80), uptime=9000))
    reconcile(sweep(listener(80), ticks=1, uptime=9015))

    outcome = reconcile(sweep(listener(81), taken_at=NOON - HOUR, uptime=9030))

    gone = PortRuntime.objects.get(port=80)
    assert not outcome.dropped
    assert gone.current_state == "disappeared"
    assert gone.last_seen_at == gone.last_disappeared_at == NOON + TICK
    assert Host.objects.get().last_look_at == NOON + TICK


def test_that_a_clock_was_set_back_is_told_once():
    reconcile(sweep(listener(80), uptime=9000))
    for tick in range(1, 4):
        at = NOON - HOUR + tick * TICK
        reconcile(sweep(listener(80, cookie=str(tick)), taken_at=at, uptime=9000 + 15 * tick))

    assert told() == ["clock_set_back"]
    assert "11:00:15" in HostEvent.objects.get().detail


def test_that_a_clock_was_set_back_is_told_once_even_by_looks_that_fail():
    reconcile(sweep(listener(80), uptime=9000))
    for tick in range(1, 4):
        at = NOON - HOUR + tick * TICK
        reconcile(sweep(taken_at=at, uptime=9000 + 15 * tick, verdict=Verdict.FAILED, reason="?"))

    assert told() == ["clock_set_back"]


def test_when_the_clock_has_caught_up_times_go_on():
    reconcile(sweep(listener(80), uptime=9000))
    reconcile(sweep(listener(80), taken_at=NOON - 20 * TICK, uptime=9015))

    reconcile(sweep(listener(80), ticks=1, uptime=9330))

    host = Host.objects.get()
    assert (host.last_look_at, host.last_sweep_at) == (NOON + TICK, NOON + TICK)


def test_a_clock_that_jumped_ahead_makes_no_gap():
    reconcile(sweep(listener(80), uptime=9000))

    reconcile(sweep(listener(81), taken_at=NOON + 10 * HOUR, uptime=9015))

    assert [event[2] for event in events()[1:]] == ["observed", "observed"]
    assert (Coverage.objects.count(), told()) == (1, [])


def test_a_machine_that_slept_was_not_watched():
    """The seconds since boot go on while a machine is suspended."""
    reconcile(sweep(listener(80), uptime=9000))

    reconcile(sweep(listener(81), taken_at=NOON + HOUR, uptime=12600))

    assert [event[2] for event in events()[1:]] == ["gap", "gap"]
    assert (Coverage.objects.count(), told()) == (2, ["unwatched"])


def test_a_late_look_of_the_same_boot_is_dropped():
    """N60: out of order, and once more."""
    reconcile(sweep(listener(80), ticks=2, uptime=9030))

    late = reconcile(sweep(listener(81), ticks=1, uptime=9015))
    again = reconcile(sweep(listener(81), ticks=2, uptime=9030))

    assert late.dropped
    assert again.dropped
    assert PortRuntime.objects.filter(port=81).count() == 0


def test_a_late_look_of_an_earlier_boot_is_dropped():
    reconcile(sweep(listener(80), uptime=9000))
    reconcile(sweep(listener(80), ticks=9, uptime=500, boot_id="b2"))

    assert reconcile(sweep(listener(81), ticks=1, uptime=9015)).dropped


def test_a_boot_with_the_clock_set_back_is_a_new_boot_all_the_same():
    """A machine without a battery for its clock comes up years ago."""
    reconcile(sweep(listener(80), uptime=9000))

    outcome = reconcile(sweep(listener(80), taken_at=NOON - 999 * HOUR, uptime=500, boot_id="b2"))

    assert not outcome.dropped
    assert sorted(told()) == ["clock_set_back", "rebooted"]
    assert Host.objects.get().last_look_at == NOON


def test_a_reboot_is_one_event_of_the_host_and_none_of_its_fifty_ports():
    """N62: they are resumed, with new sockets and PIDs, and none of it is flapping."""
    ports = range(1000, 1050)
    reconcile(sweep(*(listener(port) for port in ports), uptime=9000))
    before = PortEvent.objects.count()

    reconcile(
        sweep(
            *(listener(port, cookie=f"n{port}", pid=7) for port in ports),
            taken_at=NOON + HOUR,
            uptime=300,
            boot_id="b2",
        )
    )

    row = PortRuntime.objects.get(port=1000)
    assert (told(), PortEvent.objects.count()) == (["rebooted"], before)
    assert "Up since 2026-01-01 12:55:00 UTC." in HostEvent.objects.get().detail
    assert (row.active_since, row.current_pid) == (NOON + HOUR, 7)
    assert row.transition_1_at is None


def boot(*listeners, after):
    """Look at the machine so many seconds after its second boot, at one o'clock."""
    at = NOON + HOUR + timedelta(seconds=after)
    return reconcile(sweep(*listeners, taken_at=at, uptime=after, boot_id="b2"))


def test_a_service_that_starts_late_after_a_reboot_is_resumed_without_an_event():
    reconcile(sweep(listener(22), listener(80), uptime=9000))

    boot(listener(22), after=20)
    waiting = PortRuntime.objects.get(port=80).current_state
    boot(listener(22), listener(80, cookie="new"), after=50)

    row = PortRuntime.objects.get(port=80)
    assert (waiting, row.current_state) == ("active", "active")
    assert row.active_since == NOON + HOUR + timedelta(seconds=50)
    assert [event for event in events() if event[1] != "appeared"] == []


def test_a_service_that_does_not_come_back_after_a_reboot_disappears_after_a_while():
    reconcile(sweep(listener(22), listener(80), uptime=9000))

    for after in range(20, 200, 15):
        boot(listener(22), after=after)

    assert PortRuntime.objects.get(port=80).current_state == "disappeared"
    assert events()[-1] == (80, "disappeared", "boot")
    assert Host.objects.get().unsettled == ""


def test_a_service_that_goes_again_right_after_a_reboot_disappears_at_once():
    reconcile(sweep(listener(22), listener(80), uptime=9000))
    boot(listener(22), listener(80, cookie="new"), after=20)
    boot(listener(22), listener(80, cookie="new"), after=35)

    boot(listener(22), after=50)

    assert PortRuntime.objects.get(port=80).current_state == "disappeared"
    assert events()[-1] == (80, "disappeared", "observed")


def test_half_of_the_services_missing_right_after_a_boot_is_no_reason_for_doubt():
    reconcile(sweep(*(listener(port) for port in range(1000, 1010)), uptime=9000))

    outcome = boot(listener(1000), after=20)

    assert outcome.sweep.verdict == Verdict.COMPLETE


def test_psutil_adds_to_what_ss_saw_and_removes_nothing():
    """N58: it may see less, so the look is partial until ss is back."""
    reconcile(sweep(listener(80), listener(81)))

    outcome = reconcile(
        sweep(listener(80), listener(82), ticks=1, source="psutil", reason="ss was not found.")
    )

    host = Host.objects.get()
    states = PortRuntime.objects.order_by("port").values_list("port", "current_state")
    assert (outcome.sweep.verdict, host.reason) == (Verdict.PARTIAL, "ss was not found.")
    assert list(states) == [(80, "active"), (81, "active"), (82, "active")]
    assert host.source == "ss"


def test_where_there_never_was_an_ss_psutil_is_believed():
    reconcile(sweep(listener(80), listener(81), source="psutil"))

    reconcile(sweep(listener(80), ticks=1, source="psutil"))

    assert PortRuntime.objects.get(port=81).current_state == "disappeared"


@pytest.mark.parametrize(
    ("pid", "started", "kinds"),
    [
        (100, NOON, []),
        (200, NOON, ["rebound"]),
        (100, NOON + HOUR, ["rebound"]),
    ],
)
def test_without_a_cookie_and_an_inode_pid_and_start_time_tell_a_restart(pid, started, kinds):
    """N34, N64."""

    def anonymous(pid, started):
        found = listener(80, pid=pid, inode=0)
        [end] = found.endpoints
        owner = replace(found.owner, started_at=started)
        return replace(found, endpoints=(end._replace(cookie=""),), owner=owner)

    reconcile(sweep(anonymous(100, NOON)))

    reconcile(sweep(anonymous(pid, started), ticks=1))

    assert [event[1] for event in events()[1:]] == kinds


def test_what_happens_while_a_clock_is_behind_is_no_flapping():
    """A look with its clock years ahead would make it last for years."""
    reconcile(sweep(listener(22), listener(80), taken_at=NOON + 9999 * HOUR, uptime=9000))
    for tick in range(1, 9):
        back = [listener(80, cookie=str(tick))] if tick % 2 == 0 else []
        reconcile(sweep(listener(22), *back, ticks=tick, uptime=9000 + 15 * tick))

    row = PortRuntime.objects.get(port=80)
    assert len([event for event in events() if event[0] == 80]) == 9
    assert row.transition_1_at is None


def test_boots_dated_alike_are_stretches_of_their_own():
    reconcile(sweep(listener(80), uptime=9000))
    for boot_id in ("b2", "b3"):
        reconcile(sweep(listener(80), taken_at=NOON - HOUR, uptime=500, boot_id=boot_id))

    assert [each.is_open for each in Coverage.objects.order_by("pk")] == [False, False, True]


def test_another_program_on_a_port_after_a_reboot_is_told():
    reconcile(sweep(listener(22, name="sshd"), uptime=9000))

    reconcile(
        sweep(listener(22, cookie="x", name="evil"), taken_at=NOON + HOUR, uptime=500, boot_id="b2")
    )

    event = PortEvent.objects.get(event_type="rebound")
    assert (event.cause, event.is_takeover) == ("boot", True)


def test_a_port_that_is_reached_from_elsewhere_after_a_reboot_is_told():
    near = {"address": "127.0.0.1", "scope": Scope.LOOPBACK}
    reconcile(sweep(listener(5432, **near), uptime=9000))

    reconcile(sweep(listener(5432, cookie="x"), taken_at=NOON + HOUR, uptime=500, boot_id="b2"))

    event = PortEvent.objects.get(event_type="rebound")
    assert (event.cause, event.changes["scope"]) == ("boot", ["loopback", "any"])


def test_what_partial_looks_have_seen_since_a_gap_is_settled():
    reconcile(sweep(listener(22), listener(80), listener(81)))
    for tick in (9, 10):
        partial = {"verdict": Verdict.PARTIAL, "reason": "?"}
        reconcile(sweep(listener(22), listener(80), ticks=tick, **partial))

    reconcile(sweep(listener(22), ticks=11))

    assert sorted(events()[3:]) == [(80, "disappeared", "observed"), (81, "disappeared", "gap")]
