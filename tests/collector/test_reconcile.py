"""What becomes of a sweep: the rules of presence, and that nothing is ever lost."""

from dataclasses import replace

import pytest
from django.db import connection

from collector.models import Coverage, Host, HostEvent, PortEvent, PortRuntime
from collector.services import SweepRefusedError, reconcile
from collector.sweep import (
    Owner,
    OwnerState,
    Scope,
    Verdict,
)
from tests.collector.sweeps import TICK, events, listener, sweep
from tests.conftest import NOON

pytestmark = pytest.mark.django_db

LATER = [("new", 200, "caddy"), ("newer", 300, "httpd")]


def test_a_new_port_is_created_with_its_first_sighting():
    reconcile(sweep(listener(80)))

    row = PortRuntime.objects.get()
    assert (row.host_id, row.key, row.current_state) == ("atlas", ("tcp", 80), "active")
    assert row.first_seen_at == row.last_seen_at == row.active_since == NOON
    assert (row.current_pid, row.process_name, row.cmdline) == (100, "nginx", "nginx -g daemon")
    assert events() == [(80, "appeared", "first_sweep")]


def test_a_missing_port_disappears_and_keeps_its_row():
    reconcile(sweep(listener(80), listener(81)))
    reconcile(sweep(listener(80), listener(81), ticks=1))

    outcome = reconcile(sweep(listener(80), ticks=2))

    row = PortRuntime.objects.get(port=81)
    assert outcome.disappeared == 1
    assert (row.current_state, row.last_disappeared_at) == ("disappeared", NOON + 2 * TICK)
    assert row.last_seen_at == NOON + TICK
    assert events()[-1] == (81, "disappeared", "observed")


def test_a_port_that_returns_keeps_its_row_and_its_first_sighting():
    reconcile(sweep(listener(80), listener(81)))
    before = PortRuntime.objects.get(port=81).pk
    reconcile(sweep(listener(80), ticks=1))

    reconcile(sweep(listener(80), listener(81, cookie="new", pid=200), ticks=2))

    row = PortRuntime.objects.get(port=81)
    assert (row.pk, row.first_seen_at, row.active_since) == (before, NOON, NOON + 2 * TICK)
    assert (row.current_state, row.current_pid) == ("active", 200)
    assert [event for event in events() if event[0] == 81] == [
        (81, "appeared", "first_sweep"),
        (81, "disappeared", "observed"),
        (81, "appeared", "observed"),
    ]


def test_a_port_that_returns_tells_what_is_not_as_it_was():
    reconcile(sweep(listener(80), listener(81)))
    reconcile(sweep(listener(80), ticks=1))

    reconcile(sweep(listener(80), listener(81, cookie="new", pid=200, name="caddy"), ticks=2))

    event = PortEvent.objects.get(port_runtime__port=81, timestamp=NOON + 2 * TICK)
    assert (event.event_type, event.is_takeover) == ("appeared", True)
    assert event.changes == {
        "process_name": ["nginx", "caddy"],
        "cmdline": ["nginx -g daemon", "caddy -g daemon"],
        "exe": ["/usr/sbin/nginx", "/usr/sbin/caddy"],
        "current_pid": [100, 200],
        "program": ["/usr/sbin/nginx", "/usr/sbin/caddy"],
    }


def test_the_same_program_that_returns_elsewhere_is_no_takeover():
    reconcile(sweep(listener(80), listener(81)))
    reconcile(sweep(listener(80), ticks=1))
    local = {"address": "127.0.0.1", "scope": Scope.LOOPBACK}
    back = listener(81, cookie="new", pid=200, **local)
    back = replace(back, endpoints=back.endpoints + listener(81, cookie="x", **local).endpoints)

    reconcile(sweep(listener(80), back, ticks=2))

    event = PortEvent.objects.get(port_runtime__port=81, timestamp=NOON + 2 * TICK)
    assert (event.event_type, event.is_takeover) == ("appeared", False)
    assert event.changes == {
        "current_pid": [100, 200],
        "scope": ["any", "loopback"],
        "addresses": ["0.0.0.0", "127.0.0.1"],
    }


def test_what_was_on_a_port_is_told_by_undoing_what_happened_since():
    """Even where nobody was found to hold the port when it came back."""
    nobody = replace(listener(81, cookie="new"), owner=Owner(OwnerState.UNKNOWN))
    later = [listener(81, cookie=cookie, pid=pid, name=name) for cookie, pid, name in LATER]
    for ticks, here in enumerate([listener(81), None, nobody, *later]):
        reconcile(sweep(listener(80), *filter(None, [here]), ticks=ticks))

    row = PortRuntime.objects.get(port=81)
    told = {name: getattr(row, name) for name in ("process_name", "exe", "current_pid")}
    seen = [dict(told)]
    for event in row.events.all():  # the newest first
        told |= {name: old for name, (old, _) in event.changes.items() if name in told}
        seen.append(dict(told))

    assert [each["process_name"] for each in seen] == ["httpd", "caddy", "nginx", "nginx", "nginx"]
    assert seen[2] == {"process_name": "nginx", "exe": "/usr/sbin/nginx", "current_pid": 100}


def test_transitions_are_read_by_an_index_of_their_own(open_port):
    ids = [open_port(port).pk for port in (22, 80)]
    found = PortEvent.objects.transitions().filter(port_runtime__in=ids, timestamp__gte=NOON)

    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")  # or a table so small is just read

    assert "collector_event_transition" in found.explain()


def test_an_existing_port_is_updated_in_place():
    reconcile(sweep(listener(80)))

    reconcile(sweep(listener(80, address="::", device="lo", scope=Scope.LOOPBACK), ticks=1))

    row = PortRuntime.objects.get()
    assert (row.scope, row.endpoints[0]["address"]) == ("loopback", "::")
    assert row.last_seen_at == NOON + TICK
    assert events() == [(80, "appeared", "first_sweep")]


def test_tcp_and_udp_of_one_number_are_two_ports():
    """N43: QUIC and DNS share one by design."""
    reconcile(sweep(listener(53), listener(53, protocol="udp")))

    assert sorted(row.key for row in PortRuntime.objects.all()) == [("tcp", 53), ("udp", 53)]


def test_a_new_socket_on_the_same_port_is_a_rebound_that_says_what_changed():
    reconcile(sweep(listener(80)))

    outcome = reconcile(sweep(listener(80, cookie="new", pid=200, name="caddy"), ticks=1))

    event = PortEvent.objects.get(event_type="rebound")
    assert outcome.rebound == 1
    assert event.changes["process_name"] == ["nginx", "caddy"]
    assert event.changes["current_pid"] == [100, 200]
    assert PortRuntime.objects.get().active_since == NOON + TICK


def test_a_socket_handed_to_another_program_is_a_rebound_but_stays_up():
    reconcile(sweep(listener(80)))

    reconcile(sweep(listener(80, pid=200, name="caddy"), ticks=1))

    assert PortEvent.objects.get(event_type="rebound").changes["exe"] == [
        "/usr/sbin/nginx",
        "/usr/sbin/caddy",
    ]
    assert PortRuntime.objects.get().active_since == NOON


def test_another_worker_of_the_same_program_is_no_news():
    reconcile(sweep(listener(80)))

    reconcile(sweep(listener(80, pid=200), ticks=1))

    assert PortRuntime.objects.get().current_pid == 200
    assert events() == [(80, "appeared", "first_sweep")]


def test_losing_one_of_several_sockets_is_told_and_no_restart():
    """N40: fewer sockets of an SO_REUSEPORT group are an event, not a vanish."""
    both = replace(
        listener(80), endpoints=(*listener(80).endpoints, *listener(80, cookie="x").endpoints)
    )
    reconcile(sweep(both))

    reconcile(sweep(listener(80, cookie="x"), ticks=1))

    event = PortEvent.objects.get(event_type="rebound")
    assert (event.changes, event.is_takeover) == ({"sockets": [2, 1]}, False)
    assert PortRuntime.objects.get().active_since == NOON


@pytest.mark.parametrize("count", [1, 300])
def test_an_unchanged_sweep_costs_one_statement(count, django_assert_num_queries):
    listeners = [listener(port) for port in range(1, 1 + count)]
    reconcile(sweep(*listeners))

    with django_assert_num_queries(1):  # the row of the host
        reconcile(sweep(*listeners, ticks=1))

    coverage = Coverage.objects.get()
    assert Host.objects.get().last_sweep_at == NOON + TICK
    assert (coverage.until, coverage.looks) == (NOON + TICK, 2)
    assert PortRuntime.objects.filter(last_seen_at=NOON).count() == count


@pytest.mark.parametrize(("count", "surge"), [(1, 0), (3, 0), (300, 1)])
def test_a_changed_sweep_costs_a_fixed_number_of_statements(
    count, surge, django_assert_num_queries
):
    stay = [listener(port) for port in range(1, 1001)]
    going = [listener(port) for port in range(2000, 2000 + count)]
    reconcile(sweep(*stay, *going))
    coming = [listener(port) for port in range(3000, 3000 + count)]

    # The conditional UPDATE; SELECT host, ports; upsert, and the keys of the new ports; INSERT
    # events; UPDATE host. The other two open and close the transaction.
    with django_assert_num_queries(7 + surge + 2):
        outcome = reconcile(sweep(*stay, *coming, ticks=1))

    assert (outcome.appeared, outcome.disappeared) == (count, count)


def test_after_the_look_that_is_recorded_only_the_rows_that_differ_are_read():
    """A row that nobody reads can't be put right: so it is told that it wasn't read."""
    before = sweep(listener(80), listener(81))
    reconcile(before)
    PortRuntime.objects.filter(port=80).update(process_name="tampered")

    reconcile(sweep(listener(80), listener(81, cookie="new"), ticks=1), before=before)

    assert PortRuntime.objects.get(port=80).process_name == "tampered"
    assert events()[-1] == (81, "rebound", "observed")


def test_a_look_that_is_not_what_is_recorded_is_compared_in_full():
    before = sweep(listener(80), listener(81))
    reconcile(before)
    reconcile(sweep(listener(80), ticks=1))

    reconcile(sweep(listener(80), listener(82), ticks=2), before=before)

    assert PortRuntime.objects.get(port=81).current_state == "disappeared"
    assert PortRuntime.objects.get(port=82).current_state == "active"


def test_what_a_partial_look_of_another_collector_wrote_is_compared_at_the_next_look():
    """The cache of this one knows nothing of it."""
    before = sweep(listener(80), listener(81))
    reconcile(before)
    partial = {"verdict": Verdict.PARTIAL, "reason": "?"}
    reconcile(sweep(listener(80), listener(81), listener(82), ticks=1, **partial))

    reconcile(sweep(listener(80), listener(81), ticks=2), before=before)

    assert PortRuntime.objects.get(port=82).current_state == "disappeared"


def test_a_partial_look_takes_no_owner_away():
    reconcile(sweep(listener(80), listener(81)))
    broken = listener(80, cookie="", inode=0)
    broken = replace(broken, owner=Owner(OwnerState.UNKNOWN))

    reconcile(sweep(broken, ticks=1, verdict=Verdict.PARTIAL, reason="?"))

    row = PortRuntime.objects.get(port=80)
    assert (row.owner_state, row.process_name, row.current_pid) == ("known", "nginx", 100)


def test_a_partial_look_is_counted_in_the_coverage():
    reconcile(sweep(listener(80)))

    reconcile(sweep(listener(80), ticks=1, verdict=Verdict.PARTIAL, reason="Two rows are odd."))

    coverage = Coverage.objects.get()
    assert (coverage.failures, coverage.looks) == (1, 2)
    assert coverage.last_failure == "partial: Two rows are odd."


def test_exactly_half_of_a_listing_is_not_believed_at_first():
    """N56."""
    reconcile(sweep(*(listener(port) for port in range(1, 11))))

    outcome = reconcile(sweep(*(listener(port) for port in range(1, 6)), ticks=1))

    assert outcome.sweep.verdict == Verdict.SUSPECT
    assert PortRuntime.objects.filter(current_state="disappeared").count() == 0


def test_where_a_look_can_be_repeated_half_of_two_ports_is_doubted():
    reconcile(sweep(listener(80), listener(81)))

    outcome = reconcile(sweep(listener(80), ticks=1), may_repeat=True)

    assert outcome.sweep.reason == "1 of 2 ports are gone at once."


def test_a_flood_of_ports_is_one_event_of_the_host():
    reconcile(sweep(*(listener(port) for port in range(1, 21))))

    reconcile(sweep(*(listener(port) for port in range(1, 321)), ticks=1))

    [event] = HostEvent.objects.all()
    assert (event.event_type, event.detail) == ("surge", "300 ports appeared in one sweep.")


def test_the_fill_of_a_queue_is_no_change_until_it_is_crowded():
    reconcile(sweep(listener(80, backlog=1)))

    reconcile(sweep(listener(80, backlog=60), ticks=1))
    quiet = PortRuntime.objects.get().backlog
    reconcile(sweep(listener(80, backlog=65), ticks=2))

    assert (quiet, PortRuntime.objects.get().backlog) == (1, 65)


@pytest.mark.parametrize("verdict", [Verdict.FAILED, Verdict.SUSPECT])
def test_a_sweep_that_is_not_believed_changes_nothing_and_says_why(verdict):
    reconcile(sweep(listener(80)))

    outcome = reconcile(sweep(ticks=1, verdict=verdict, reason="ss went away."))

    host = Host.objects.get()
    assert outcome.sweep.verdict == verdict
    assert PortRuntime.objects.get().current_state == "active"
    assert (host.verdict, host.reason) == (verdict, "ss went away.")
    assert (host.last_look_at, host.last_sweep_at) == (NOON + TICK, NOON)
    coverage = Coverage.objects.get()
    assert (coverage.until, coverage.failures) == (NOON, 1)
    assert coverage.last_failure == f"{verdict}: ss went away."
    assert len(events()) == 1


def test_the_sweep_after_a_failed_one_is_believed_again():
    reconcile(sweep(listener(80)))
    reconcile(sweep(ticks=1, verdict=Verdict.FAILED, reason="ss went away."))

    reconcile(sweep(listener(80), ticks=2))

    host = Host.objects.get()
    assert (host.verdict, host.reason, host.last_sweep_at) == ("complete", "", NOON + 2 * TICK)
    assert events() == [(80, "appeared", "first_sweep")]


def test_a_partial_sweep_adds_and_never_removes():
    reconcile(sweep(listener(80)))

    reconcile(sweep(listener(81), ticks=1, verdict=Verdict.PARTIAL, reason="1 row."))

    states = PortRuntime.objects.values_list("port", "current_state")
    assert sorted(states) == [(80, "active"), (81, "active")]
    assert Host.objects.get().last_sweep_at == NOON


def test_more_than_half_gone_at_once_is_not_believed_at_first():
    reconcile(sweep(*(listener(port) for port in range(1, 6))))

    outcome = reconcile(sweep(listener(1), listener(2), ticks=1))

    assert outcome.sweep.verdict == Verdict.SUSPECT
    assert outcome.sweep.reason == "3 of 5 ports are gone at once."
    assert PortRuntime.objects.filter(current_state="active").count() == 5


def test_client_sockets_come_and_go_without_raising_doubt():
    clients = [
        replace(listener(port, protocol="udp"), is_client=True) for port in range(40000, 40010)
    ]
    reconcile(sweep(listener(80), *clients))

    outcome = reconcile(sweep(listener(80), ticks=1))

    assert (outcome.sweep.verdict, outcome.disappeared) == (Verdict.COMPLETE, 10)


def test_a_second_reading_that_agrees_is_believed():
    reconcile(sweep(*(listener(port) for port in range(1, 6))))
    reconcile(sweep(listener(1), listener(2), ticks=1))

    outcome = reconcile(sweep(listener(1), listener(2), ticks=2), confirmed=True)

    assert (outcome.sweep.verdict, outcome.disappeared) == (Verdict.COMPLETE, 3)


def test_half_of_a_few_ports_may_well_go_at_once():
    reconcile(sweep(*(listener(port) for port in range(1, 5))))

    assert reconcile(sweep(ticks=1)).disappeared == 4


def test_a_late_or_repeated_sweep_is_dropped():
    reconcile(sweep(listener(80), ticks=2))

    late = reconcile(sweep(ticks=1))
    repeated = reconcile(sweep(listener(80), listener(81), ticks=2))

    assert (late.dropped, repeated.dropped) == (True, True)
    assert PortRuntime.objects.get().current_state == "active"


def test_a_reboot_resumes_the_ports_without_events():
    reconcile(sweep(listener(80), listener(81)))

    back = listener(80, cookie="after", pid=7)
    reconcile(sweep(back, ticks=2, boot_id="b2"))

    assert events()[2:] == [(81, "disappeared", "boot")]
    assert PortRuntime.objects.get(port=80).active_since == NOON + 2 * TICK
    assert PortRuntime.objects.get(port=81).transition_1_at is None
    assert sorted(Coverage.objects.values_list("boot_id", flat=True)) == ["b1", "b2"]


def test_what_changed_while_nobody_looked_is_not_called_observed():
    """N61: the cookies tell what survived the gap from what was restarted in it."""
    reconcile(sweep(listener(22), listener(80), listener(443)))

    reconcile(sweep(listener(22), listener(443, cookie="new"), listener(8080), ticks=4))

    assert sorted(events()[3:]) == [
        (80, "disappeared", "gap"),
        (443, "rebound", "gap"),
        (8080, "appeared", "gap"),
    ]
    assert Coverage.objects.count() == 2
    assert PortRuntime.objects.get(port=22).active_since == NOON
    assert PortRuntime.objects.filter(transition_1_at__isnull=False).count() == 0


@pytest.mark.parametrize(("boot", "cause"), [("b1", "gap"), ("b2", "boot")])
def test_a_partial_look_settles_neither_gap_nor_reboot(boot, cause):
    reconcile(sweep(listener(80), listener(81)))

    reconcile(
        sweep(listener(80, cookie="x"), ticks=9, boot_id=boot, verdict=Verdict.PARTIAL, reason="?")
    )
    reconcile(sweep(listener(80, cookie="x"), ticks=10, boot_id=boot))

    assert events()[-1] == (81, "disappeared", cause)
    assert PortRuntime.objects.filter(transition_1_at__isnull=False).count() == 0
    assert Coverage.objects.count() == 2


def test_looks_that_stay_partial_still_tell_what_they_see():
    look = {"boot_id": "b2", "verdict": Verdict.PARTIAL, "reason": "?"}
    reconcile(sweep(listener(80), listener(81)))
    reconcile(sweep(listener(80, cookie="x"), ticks=9, **look))
    for tick in range(10, 15):
        reconcile(sweep(listener(80, cookie=str(tick)), listener(82), ticks=tick, **look))

    assert events()[2:] == [
        (80, "rebound", "observed"),
        (82, "appeared", "boot"),
        *[(80, "rebound", "observed")] * 4,
    ]
    assert PortRuntime.objects.get(port=82).active_since == NOON + 10 * TICK
    assert Coverage.objects.get(boot_id="b2").looks == 6


def test_a_shorter_interval_makes_no_gap_of_the_wait_before():
    reconcile(sweep(listener(80), listener(81), interval=60))

    reconcile(sweep(listener(80), ticks=4, interval=5))

    assert events()[-1] == (81, "disappeared", "observed")


def test_an_owner_that_is_missing_is_blamed_at_the_second_look_only():
    """N32: the process may have ended between the two lists."""
    nobody = replace(listener(80), owner=Owner(OwnerState.UNKNOWN))
    reconcile(sweep(nobody))
    first = PortRuntime.objects.get().owner_state

    reconcile(sweep(nobody, ticks=1))

    assert (first, PortRuntime.objects.get().owner_state) == ("pending", "unknown")


def test_numbers_as_large_as_ss_can_print_are_recorded():
    reconcile(sweep(listener(80, pid=9_999_999_999, backlog=2**32 - 1, limit=2**32 - 1)))

    row = PortRuntime.objects.get()
    assert (row.current_pid, row.backlog) == (9_999_999_999, 2**32 - 1)


def test_a_look_three_intervals_later_is_still_the_same_watch():
    reconcile(sweep(listener(80)))

    reconcile(sweep(listener(80), ticks=3))

    assert Coverage.objects.get().until == NOON + 3 * TICK


def test_the_fourth_last_observed_transition_is_kept():
    reconcile(sweep(listener(22), listener(80)))
    for tick in range(1, 6):
        back = [listener(80, cookie=str(tick))] if tick % 2 == 0 else []
        reconcile(sweep(listener(22), *back, ticks=tick))

    row = PortRuntime.objects.get(port=80)
    assert row.transition_1_at == NOON + 5 * TICK
    assert row.transition_4_at == NOON + 2 * TICK


def test_a_port_that_stays_is_alive_once_an_hour():
    for tick in range(2 * 240 + 2):
        reconcile(sweep(listener(80), ticks=tick))

    alive = PortEvent.objects.filter(event_type="alive").order_by("pk")
    assert [event.timestamp for event in alive] == [
        NOON + 240 * TICK,
        NOON + 480 * TICK,
    ]


def test_another_machine_under_the_same_name_is_refused():
    reconcile(sweep(listener(80)))

    with pytest.raises(SweepRefusedError, match=r"'atlas' is machine m1, but .* m2"):
        reconcile(sweep(ticks=1, machine_id="m2"))

    assert PortRuntime.objects.get().current_state == "active"
    assert Host.objects.get().refused_at == NOON + TICK
    assert "machine m2" in Host.objects.get().refused_reason


def test_saved_output_never_mixes_with_live_looks():
    reconcile(sweep(listener(80)))

    with pytest.raises(SweepRefusedError, match="Choose another host name"):
        reconcile(sweep(ticks=1, machine_id="", source="file"))


@pytest.mark.parametrize("name", ["", "  ", "*", "x" * 65, "a/b", "..", "a b", "a\n"])
def test_a_host_needs_a_name_of_its_own(name):
    with pytest.raises(SweepRefusedError, match="can't be the name of a host"):
        reconcile(sweep(host_id=name))

    assert Host.objects.count() == 0


def test_two_hosts_with_the_same_port_are_apart():
    reconcile(sweep(listener(80)))
    reconcile(sweep(listener(80), host_id="other", machine_id="m2"))

    reconcile(sweep(host_id="other", machine_id="m2", ticks=1))

    states = PortRuntime.objects.values_list("host_id", "current_state")
    assert sorted(states) == [("atlas", "active"), ("other", "disappeared")]
