"""What was on a port at some time, asked of what real sweeps have recorded."""

from dataclasses import replace
from datetime import timedelta

import pytest

from collector.models import PortEvent, PortRuntime
from collector.news import News, SocketNews
from collector.retention import prune
from collector.services import reconcile
from collector.sweep import Verdict
from portatlas import happenings, holders, past
from portatlas.intervals import Look
from portatlas.models import Port
from tests.collector.sweeps import listener, sweep
from tests.conftest import NOON

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
UP, DOWN, UNKNOWN = Look


def hour(number):
    return NOON + number * HOUR


def look(hours, *listeners, **fields):
    """Look at the host so many hours after noon; one look is due every hour."""
    return reconcile(sweep(*listeners, **{"taken_at": hour(hours), "interval": 3600, **fields}))


def port(number=80):
    return Port.objects.select_related("host").get(port=number)


def at(hours, now=10, number=80):
    return past.at(port(number), hour(hours), hour(now))


def held(hours, now=10, number=80):
    """Return name and PID of who held the port."""
    holder = at(hours, now, number).holder
    return holder and (holder.process_name, holder.current_pid)


def lasting(hours, now=10, number=80):
    """Return the look at an hour, and from which hour to which it lasted."""
    found = at(hours, now, number)
    ends = [each and (each - NOON) / HOUR for each in (found.since, found.until)]
    return found.look, *ends


NGINX = listener(80, cookie="a", pid=100, name="nginx")
CADDY = listener(80, cookie="b", pid=200, name="caddy")
SSHD = listener(22, pid=7, name="sshd")


def test_a_port_that_came_and_went_is_told_for_each_time():
    look(0, SSHD)
    look(1, SSHD, NGINX)
    look(2, SSHD, NGINX)
    look(3, SSHD)
    look(4, SSHD)

    assert lasting(0.5, 4) == (DOWN, 0, 1)
    assert lasting(1, 4) == lasting(2.9, 4) == (UP, 1, 3)
    assert lasting(3, 4) == (DOWN, 3, None)
    assert (held(1.5, 4), held(4, 4)) == (("nginx", 100), ("nginx", 100))


def told(cookie, opened=None, closed=None):
    times = [at if at is None else hour(at) for at in (opened, closed)]
    return SocketNews("tcp", 80, "0.0.0.0", cookie, None, "", *times)  # as ss prints it


def test_what_the_kernel_dated_is_told_of_the_time_between_two_looks():
    look(0, SSHD)
    look(1, SSHD, NGINX, news=News((told("a", 0.5),)))
    look(2, SSHD, CADDY, news=News((told("a", None, 1.3), told("b", 1.4))))
    look(3, SSHD, news=News((told("b", None, 2.5),)))

    assert lasting(0.4, 3) == (DOWN, 0, 0.5)
    assert lasting(0.6, 3) == lasting(1.2, 3) == lasting(2.4, 3) == (UP, 0.5, 2.5)
    assert lasting(2.6, 3) == (DOWN, 2.5, None)
    assert (held(0.6, 3), held(1.3, 3), held(1.5, 3)) == (
        *(("nginx", 100), ("nginx", 100), ("caddy", 200)),
    )
    assert all(at(hours, 3).stood for hours in (0.6, 1.3, 1.5, 2.4, 2.6))


def test_before_it_was_first_seen_nobody_held_it():
    look(0, SSHD)
    look(1, SSHD, NGINX)

    found = at(0.5, 1)

    assert (found.holder, found.reason) == (None, holders.NOT_SEEN_YET)


def test_each_holder_of_a_port_is_told_with_the_pid_of_then():
    look(0, SSHD, NGINX)
    look(1, SSHD, CADDY)
    look(2, SSHD)
    look(3, SSHD, replace(NGINX, owner=replace(NGINX.owner, pids=(300,), user="www")))
    look(4, SSHD, CADDY)

    holders = [held(hours, 4) for hours in (0.5, 1.5, 2.5, 3.5, 4)]

    assert holders == [
        ("nginx", 100),
        ("caddy", 200),
        ("caddy", 200),  # the last one
        ("nginx", 300),
        ("caddy", 200),
    ]
    assert [at(hours, 4).holder.user for hours in (0.5, 3.5)] == ["root", "www"]
    assert at(0.5, 4).holder.exe == "/usr/sbin/nginx"
    assert at(0.5, 4).holder.cmdline == "nginx -g daemon"


def test_a_takeover_does_not_end_that_it_listens():
    look(0, NGINX)
    look(1, CADDY)
    look(2, CADDY)

    assert lasting(0.5, 2) == lasting(1.5, 2) == (UP, 0, None)


def test_while_nobody_looked_nothing_is_known_but_who_had_it_last():
    look(0, SSHD, NGINX)
    look(1, SSHD, NGINX)
    look(9, SSHD, CADDY)

    found = at(5)

    assert lasting(5) == (UNKNOWN, 1, 9)
    assert (found.reason, held(5)) == (past.UNWATCHED, ("nginx", 100))
    assert lasting(0.5) == (UP, 0, 1)
    assert lasting(9) == (UP, 9, None)


def test_the_last_look_before_a_gap_still_speaks():
    look(0, NGINX)
    look(1, NGINX)
    look(9, NGINX)

    assert lasting(1) == (UP, 0, 1)


def test_a_look_that_is_not_due_yet_is_no_gap_and_one_that_is_missing_is():
    look(0, NGINX)

    assert lasting(2, now=3) == (UP, 0, None)
    assert lasting(2, now=4) == (UNKNOWN, 0, None)


def test_before_the_first_look_at_a_host_nothing_is_known():
    look(2, NGINX)
    look(9, NGINX)

    found = at(1)

    assert lasting(1) == (UNKNOWN, None, 2)
    assert (found.holder, found.reason) == (None, past.BEFORE_ALL_LOOKS)


def test_a_host_without_coverage_has_no_past(open_port):
    open_port(80)

    assert lasting(1) == (UNKNOWN, None, None)
    assert at(1).reason == past.BEFORE_ALL_LOOKS


def test_what_is_still_to_come_is_not_known():
    look(0, NGINX)

    assert (at(2, now=1).look, at(2, now=1).reason) == (UNKNOWN, past.TO_COME)


def test_an_event_that_is_dated_later_than_now_has_not_happened():
    """N63: a clock that was ahead dates what happens now."""
    look(0, SSHD, NGINX, uptime=9000)
    look(2, SSHD, NGINX, uptime=9060)
    look(1, SSHD, uptime=9120)

    assert lasting(1, now=1) == (UP, 0, None)
    assert lasting(3, now=3) == (DOWN, 2, None)


def boot(minutes, *listeners):
    """Look at the host so many minutes after it booted, at two o'clock."""
    at = hour(2) + minutes * MINUTE
    fields = {"uptime": minutes * 60, "boot_id": "b2", "interval": 15}
    return reconcile(sweep(*listeners, taken_at=at, **fields))


def test_a_port_that_did_not_come_back_after_a_boot_was_down_since_then():
    look(0, SSHD, NGINX)
    for minutes in (1, 1.5, 2, 2.5, 3, 3.5):
        boot(minutes, SSHD)

    [since, until] = (hour(2) + MINUTE, None)
    found = past.at(port(), hour(2) + 2 * MINUTE, hour(2) + 4 * MINUTE)

    assert PortEvent.objects.get(event_type="disappeared").cause == "boot"
    assert (found.look, found.since, found.until) == (DOWN, since, until)


def test_a_port_that_is_awaited_after_a_boot_is_down():
    look(0, SSHD, NGINX)
    boot(1, SSHD)
    boot(1.5, SSHD)

    found = past.at(port(), hour(2) + 1.25 * MINUTE, hour(2) + 1.6 * MINUTE)

    assert port().is_awaited
    assert (found.look, found.holder.process_name) == (DOWN, "nginx")


def test_the_pid_of_a_port_that_a_boot_resumed_is_the_one_since_then():
    look(0, SSHD, NGINX)
    boot(1, SSHD, replace(NGINX, owner=replace(NGINX.owner, pids=(900,))))

    assert (held(0.5), held(2.02)) == (("nginx", 100), ("nginx", 900))


def test_between_two_boots_without_an_event_the_pid_is_not_known():
    look(0, NGINX)
    for number, hours in enumerate((4, 8)):
        back = replace(NGINX, owner=replace(NGINX.owner, pids=(number,)))
        look(hours, back, boot_id=f"b{hours}")

    assert [held(hours) for hours in (0, 4, 8)] == [("nginx", 100), ("nginx", None), ("nginx", 1)]


def test_a_partial_look_after_a_gap_takes_nothing_for_seen():
    look(0, SSHD, NGINX)
    look(5, SSHD, verdict=Verdict.PARTIAL, reason="?")
    look(6, SSHD)

    assert lasting(5.5) == (DOWN, 5, 6)


def test_when_events_were_deleted_that_is_said_and_nothing_guessed():
    look(-30, SSHD, NGINX)
    for hours in range(-29, 1):
        look(hours, SSHD, *([NGINX] if hours % 10 else []))
    prune(hour(-15))

    found = at(-29.5, 0)

    assert (found.look, found.holder, found.reason) == (UNKNOWN, None, holders.DELETED)
    assert lasting(-29.5, 0) == (UNKNOWN, -30, -15)
    assert lasting(-14, 0) == (UP, -15, -10)


def test_a_port_that_never_changed_is_known_without_its_events():
    look(-3, SSHD, NGINX)
    look(-2, SSHD, CADDY)
    look(-1, SSHD, CADDY)
    prune(hour(-2))

    found = at(-2.5, 0, number=22)

    assert (found.look, found.holder, found.reason) == (UP, None, holders.DELETED)


def test_too_much_that_happened_since_is_said_instead_of_a_name(monkeypatch):
    monkeypatch.setattr(happenings, "MOST_EVENTS", 3)
    look(0, NGINX)
    for hours in range(1, 5):
        look(hours, CADDY if hours % 2 else NGINX)

    assert (at(0.5, 4).look, at(0.5, 4).holder, at(0.5, 4).reason) == (UP, None, holders.TOO_MUCH)
    assert held(1.5, 4) == ("caddy", 200)


@pytest.mark.parametrize("count", [1, 30])
def test_the_number_of_queries_does_not_grow(count, django_assert_num_queries):
    for hours in range(count):
        look(hours, CADDY if hours % 2 else NGINX)
    look(count + 5, CADDY)
    found, now = port(), hour(count + 5)

    # Oldest event; stretches; transitions; events since, and in the hour before; boots; the last
    # event by then; notes, and what somebody else held.
    with django_assert_num_queries(9):
        past.at(found, hour(0), now)
    # The stretch is on the host.
    with django_assert_num_queries(8):
        past.at(found, now, now)
    # Oldest event, coverage, transitions.
    with django_assert_num_queries(3):
        past.whole(found, hour(-1), now)


@pytest.mark.parametrize("count", [1, 3])
def test_many_ports_are_told_in_as_many_queries_as_one(count, django_assert_num_queries):
    crowd = [listener(number, cookie=str(number), name="httpd") for number in range(1, count + 1)]
    look(0, SSHD, *crowd)
    look(5, SSHD)
    ports = list(Port.objects.select_related("host").exclude(port=22))

    with django_assert_num_queries(9):
        found = past.of_all(ports, hour(0), hour(6))

    assert [(found[each.pk].look, found[each.pk].holder.process_name) for each in ports] == [
        (UP, "httpd")
    ] * count


def test_ports_of_different_hosts_are_told_each_by_its_own():
    look(0, NGINX)
    look(1, NGINX)
    look(0, CADDY, host_id="other")
    look(1, host_id="other", verdict=Verdict.COMPLETE)
    ports = list(Port.objects.select_related("host").order_by("host_id"))

    found = past.of_all(ports, hour(1), hour(1))

    assert [(found[each.pk].look, found[each.pk].holder.process_name) for each in ports] == [
        (UP, "nginx"),
        (DOWN, "caddy"),
    ]


def test_who_held_the_last_of_many_ports_is_not_told_where_too_much_happened(monkeypatch):
    monkeypatch.setattr(happenings, "MOST_OF_ALL", 3)
    look(0, SSHD, NGINX)
    for hours in range(1, 5):
        look(hours, replace(SSHD, owner=replace(SSHD.owner, pids=(hours,))), NGINX)
        look(hours + 0.5, SSHD, CADDY if hours % 2 else NGINX)
    ports = list(Port.objects.select_related("host").order_by("pk"))

    found = past.of_all(ports, hour(0), hour(5))

    assert [found[each.pk].reason for each in ports][-1] == holders.TOO_MUCH_OF_ALL


def test_a_whole_month_is_told_in_intervals():
    look(-900, SSHD)
    look(-899, SSHD, NGINX)
    look(-200, SSHD, NGINX)
    look(-199, SSHD)
    look(-100, SSHD)

    found = past.whole(port(), hour(-720), hour(-99))

    assert [
        ((start - NOON) / HOUR, (end - NOON) / HOUR, look) for start, end, look in found.intervals
    ] == [
        (-720, -200, UNKNOWN),
        (-200, -199, UP),
        (-199, -199, DOWN),
        (-199, -100, UNKNOWN),
        (-100, -99, DOWN),
    ]
    assert found.times == 1


def test_the_whole_past_of_a_port_whose_events_were_deleted_begins_where_they_do():
    for hours in range(-30, 1):
        look(hours, SSHD, *([NGINX] if hours % 10 else []))
    prune(hour(-15))

    found = past.whole(port(), hour(-40), hour(0))

    looks = [(start - NOON) / HOUR for start, _, _ in found.intervals]
    assert looks[:3] == [-40, -15, -10]
    assert found.intervals[0].look == UNKNOWN


def test_odd_changes_of_old_rows_are_no_obstacle():
    look(0, NGINX)
    row = PortRuntime.objects.get()
    changes = {"addresses": ["::", "*"], "process_name": ["", "nginx"]}
    PortEvent.objects.create(
        port_runtime=row, event_type="rebound", timestamp=hour(1), changes=changes
    )

    assert held(0.5, 1) == ("", 100)
