"""What reservations are told of the facts: by the collector's own events, and once a minute."""

import logging
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection

from collector.models import PortRuntime
from collector.services import reconcile
from collector.signals import swept
from collector.sweep import Owner, OwnerState, Verdict
from portatlas import tasks
from portatlas.contexts.reservations import history, lease, lock
from portatlas.contexts.reservations.models import Reservation, ReservationEvent
from portatlas.contexts.reservations.services import Actor, renew
from portatlas.contexts.reservations.values import EVERY_HOST
from portatlas.reserving import observing
from tests.collector.sweeps import TICK, listener, sweep
from tests.conftest import NOON
from tests.portatlas.bookings import holds, reserved, told

pytestmark = pytest.mark.django_db

NGINX = listener(80, cookie="a", pid=100, name="nginx")
CADDY = listener(80, cookie="b", pid=200, name="caddy")
RESERVED, IN_USE, VIOLATED, FREED = (
    ("reserved", ""),
    ("in-use", "atlas"),
    ("violated", "atlas"),
    ("freed", "atlas"),
)
RELEASED = ("released", "")
CROWD = [listener(number, pid=number, name=f"p{number}") for number in range(1000, 1020)]


def look(ticks, *listeners, host_id="atlas", tell=True, **fields):
    """Look at a host so many ticks after noon, as the task does, and tell those who follow."""
    fields = {"host_id": host_id, "machine_id": host_id, "uptime": 100_000 + 15 * ticks} | fields
    ssh = listener(22, pid=7, name="sshd")
    outcome = reconcile(sweep(ssh, *listeners, ticks=ticks, **fields))
    if tell:
        swept.send(None, outcome=outcome)
    return outcome


def look_after(ticks=1000):
    return observing.look_after(NOON + ticks * TICK, here="atlas")


def why():
    """Return why the last reservation was released."""
    return ReservationEvent.objects.filter(action="released").latest("pk").details["why"]


@pytest.fixture(autouse=True)
def _seen(db):
    look(0)


# What history tells


def test_history_tells_when_a_reserved_port_is_used_and_when_it_is_free_again():
    reserved(80, process_name="nginx")

    look(1, NGINX)
    look(2, NGINX)
    look(3)

    assert told() == [RESERVED, IN_USE, FREED]
    used, freed = ReservationEvent.objects.order_by("pk")[1:]
    assert (used.at, freed.at) == (NOON + TICK, NOON + 3 * TICK)
    assert used.details == freed.details == {"pid": 100, "program": "nginx", "user": "root"}


def test_history_tells_when_another_takes_a_reserved_port_over_and_gives_it_back():
    reserved(80, process_name="nginx")

    look(1, NGINX)
    look(2, CADDY)
    look(3, NGINX)

    assert told() == [RESERVED, IN_USE, VIOLATED, IN_USE]
    times = ReservationEvent.objects.order_by("pk").values_list("at", flat=True)
    assert list(times)[1:] == [NOON + ticks * TICK for ticks in (1, 2, 3)]


def test_another_program_on_the_socket_that_was_there_violates_from_when_that_was_seen():
    reserved(80, process_name="nginx")
    heir = replace(CADDY, endpoints=NGINX.endpoints)

    look(1, NGINX)
    look(2, heir)

    assert ReservationEvent.objects.get(action="violated").at == NOON + 2 * TICK


def test_a_port_that_was_in_use_already_is_so_from_when_it_is_reserved():
    look(1, NGINX)
    at = NOON + 2 * TICK
    reserved(80, process_name="caddy", at=at)

    look_after(4)

    assert told() == [RESERVED, VIOLATED]
    assert ReservationEvent.objects.latest("pk").at == at


def test_history_tells_of_a_port_of_every_host_where_that_was_seen():
    reserved(80, host_id=EVERY_HOST, process_name="nginx")

    look(1, NGINX)
    look(1, CADDY, host_id="web")
    look(2, host_id="web")
    look(2)

    assert told() == [RESERVED, IN_USE, ("violated", "web"), IN_USE, FREED]


def test_who_holds_a_port_that_nobody_could_see_violates_nothing():
    reserved(80, process_name="nginx")

    look(1, replace(CADDY, owner=Owner(OwnerState.NOT_PERMITTED)))

    assert told() == [RESERVED, IN_USE]


def test_another_protocol_or_host_is_another_port():
    reserved(80, protocol="udp")
    reserved(80, host_id="web")

    look(1, NGINX)

    assert told() == [RESERVED, RESERVED]


def test_who_is_found_only_later_to_hold_a_port_is_told_by_the_sweep_that_finds_him():
    """No event tells of it: the port is listened on as before."""
    reserved(80, process_name="nginx")
    look(1, replace(CADDY, owner=Owner(OwnerState.UNKNOWN)))

    look(2, CADDY)

    assert told() == [RESERVED, IN_USE, VIOLATED]


# What it costs


def test_a_sweep_that_changed_nothing_costs_nothing(django_assert_num_queries):
    reserved(80)
    look(1, NGINX)
    outcome = look(2, NGINX, tell=False)

    with django_assert_num_queries(0):
        swept.send(observing, outcome=replace(outcome), pushed=True)

    assert outcome.unchanged
    assert outcome.changed == frozenset()


@pytest.mark.parametrize("count", [1, 20])
def test_a_sweep_of_ports_that_nobody_reserved_costs_one_statement(
    count, django_assert_num_queries
):
    reserved(80)
    changed = look(1, *CROWD[:count], tell=False).changed

    with django_assert_num_queries(1):
        observing.follow("atlas", changed, at=NOON)


@pytest.mark.parametrize("count", [1, 20])
def test_what_a_sweep_costs_does_not_grow_with_the_ports_that_it_changed(
    count, django_assert_max_num_queries
):
    for each in CROWD[:count]:
        reserved(each.port)
    changed = look(1, *CROWD[:count], tell=False).changed

    # Which; a transaction, the lock, the rows, their facts, the lines, the pointers.
    with django_assert_max_num_queries(9):
        assert observing.follow("atlas", changed, at=NOON) == count


def test_a_sweep_that_changed_more_ports_than_are_named_is_told_as_well(monkeypatch):
    monkeypatch.setattr(observing, "FEW_PORTS", 10)
    monkeypatch.setattr(observing, "AT_ONCE", 7)
    for each in CROWD:
        reserved(each.port)

    look(1, *CROWD)

    assert Reservation.objects.filter(observed="in-use").count() == 20


def test_what_goes_wrong_with_reservations_breaks_no_sweep(monkeypatch, caplog):
    monkeypatch.setattr(history, "write", None)
    reserved_without_history(80)

    with caplog.at_level(logging.ERROR):
        outcome = look(1, NGINX, tell=False)
        swept.send_robust(None, outcome=outcome)

    assert PortRuntime.objects.filter(port=80).exists()
    assert Reservation.objects.get().observed == ""
    assert "after_sweep" in caplog.text


def reserved_without_history(port):
    return Reservation.objects.create(
        host_id="atlas", protocol="tcp", port=port, project="shop", reserved_at=NOON
    )


# What was missed


@pytest.mark.parametrize("sweeps", [[NGINX], [CADDY], []])
def test_what_nobody_was_told_is_told_within_a_minute_and_only_once(sweeps):
    """As after kill -9 between a sweep and what follows from it."""
    reserved(80, process_name="nginx")
    look(1, NGINX)
    look(2, *sweeps, tell=False)

    written = [look_after(), look_after()]

    assert written == [int(sweeps != [NGINX]), 0]
    assert told()[2:] == {(CADDY,): [VIOLATED], (): [FREED]}.get(tuple(sweeps), [])


def test_what_the_minute_told_no_sweep_tells_again():
    reserved(80)
    outcome = look(1, NGINX, tell=False)
    look_after()

    swept.send(None, outcome=outcome)

    assert told() == [RESERVED, IN_USE]


def test_that_a_fact_was_deleted_is_told_without_one():
    reserved(80, auto_release=True)
    look(1, NGINX)
    PortRuntime.objects.filter(port=80).delete()

    look_after()

    assert told() == [RESERVED, IN_USE, ("freed", "")]


def test_who_waited_for_another_to_tell_it_does_not_tell_it_again(monkeypatch):
    reserved(80)
    look(1, NGINX, tell=False)
    others = iter([look_after])

    def wait():
        for other in others:
            other()

    monkeypatch.setattr(lock, "take", wait)

    look_after()

    assert told() == [RESERVED, IN_USE]


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_two_at_once_write_no_line_twice():
    for each in CROWD:
        reserved(each.port)
    look(1, *CROWD, tell=False)

    def once(_number):
        try:
            return look_after()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        written = list(pool.map(once, range(4)))

    assert sum(written) == 20
    assert ReservationEvent.objects.filter(action="in-use").count() == 20


@pytest.mark.django_db
def test_a_minute_without_reservations_is_one_question(django_assert_num_queries):
    with django_assert_num_queries(1):
        look_after()


@pytest.mark.parametrize("count", [1, 20])
def test_a_minute_in_which_nothing_happened_costs_four_statements(count, django_assert_num_queries):
    for each in CROWD[:count]:
        reserved(each.port)
    look(1, *CROWD)

    # Whether there is any, what is untold, what has run out, what is leased.
    with django_assert_num_queries(4):
        look_after(2)


# What is released when the program ends


def test_a_port_is_released_when_the_program_that_used_it_ends():
    reserved(80, auto_release=True, process_name="nginx")
    look(1, NGINX)

    look(2)

    assert told() == [RESERVED, IN_USE, FREED, RELEASED]
    assert why() == history.UNHELD
    assert not holds()


def test_without_auto_release_it_stays_reserved():
    reserved(80)
    look(1, NGINX)

    look(2)

    assert told() == [RESERVED, IN_USE, FREED]
    assert holds()


def test_a_port_that_nobody_has_used_yet_is_not_released():
    reserved(80, auto_release=True)

    look(1)
    look_after(2)

    assert holds()


@pytest.mark.parametrize("first", [[], [NGINX]])
def test_a_violator_that_goes_releases_nothing(first):
    reserved(80, auto_release=True, process_name="nginx")
    look(1, *first)
    look(2, CADDY)

    look(3)
    look_after()

    assert holds()


def test_a_violator_of_which_nobody_was_told_releases_nothing():
    reserved(80, auto_release=True, process_name="nginx")
    look(1, NGINX)
    look(2, CADDY, tell=False)

    look(3)

    assert holds()


def test_what_ended_without_anybody_being_told_is_released_a_minute_later():
    reserved(80, auto_release=True)
    look(1, NGINX)
    look(2, tell=False)

    look_after()

    assert told() == [RESERVED, IN_USE, FREED, RELEASED]


@pytest.mark.parametrize(
    ("verdict", "seen"),
    [(Verdict.FAILED, []), (Verdict.PARTIAL, []), (Verdict.SUSPECT, [])],
)
def test_no_look_that_is_not_complete_releases_anything(verdict, seen):
    reserved(80, auto_release=True)
    look(1, NGINX)

    look(2, *seen, verdict=verdict, reason="ss said nothing")
    look_after()

    assert told() == [RESERVED, IN_USE]


def test_a_look_that_misses_half_of_all_ports_releases_nothing_before_it_is_confirmed():
    for each in CROWD:
        reserved(each.port, auto_release=True)
    look(1, *CROWD)

    outcome = look(2)
    look_after(2)
    assert outcome.sweep.verdict == Verdict.SUSPECT
    assert Reservation.objects.count() == 20

    swept.send(
        None, outcome=reconcile(sweep(listener(22), ticks=3, machine_id="atlas"), confirmed=True)
    )

    assert Reservation.objects.count() == 0


def test_a_look_of_psutil_after_one_of_ss_releases_nothing():
    """It may see less."""
    reserved(80, auto_release=True)
    look(1, NGINX, source="ss")

    look(2, source="psutil")
    look_after()

    assert holds()


def test_a_host_that_is_silent_releases_nothing():
    reserved(80, auto_release=True)
    look(1, NGINX)

    look_after(10_000)

    assert told() == [RESERVED, IN_USE]


def test_a_reboot_releases_nothing_while_services_may_still_be_starting():
    reserved(80, auto_release=True)
    look(1, NGINX)

    look(3, boot_id="b2", uptime=20)
    look(4, boot_id="b2", uptime=35)
    look_after(4)
    assert told() == [RESERVED, IN_USE]

    look(16, boot_id="b2", uptime=215)

    assert told() == [RESERVED, IN_USE, FREED, RELEASED]


def test_a_program_that_is_back_after_a_reboot_keeps_its_port():
    reserved(80, auto_release=True)
    look(1, NGINX)

    look(3, boot_id="b2", uptime=20)
    look(5, replace(NGINX, endpoints=CADDY.endpoints), boot_id="b2", uptime=50)
    look(16, replace(NGINX, endpoints=CADDY.endpoints), boot_id="b2", uptime=215)

    assert told() == [RESERVED, IN_USE]


def test_a_restart_between_two_looks_releases_nothing():
    reserved(80, auto_release=True, process_name="nginx")
    look(1, NGINX)

    look(2, listener(80, cookie="z", pid=101, name="nginx"))

    assert told() == [RESERVED, IN_USE]


def test_a_port_of_every_host_is_released_when_it_is_free_on_all():
    reserved(80, host_id=EVERY_HOST, auto_release=True)
    look(1, NGINX)
    look(1, NGINX, host_id="web")

    look(2)
    assert holds()
    look(3, host_id="web")

    assert told() == [RESERVED, IN_USE, ("freed", "web"), RELEASED]


def test_what_was_renewed_after_the_program_ended_waits_for_the_next():
    reserved(80, auto_release=True)
    look(1, NGINX)
    look(2, tell=False)
    renew(("atlas", "tcp", 80), {}, by=Actor("ann"), at=NOON + 2 * TICK + TICK / 2)

    look_after()

    assert told()[-2:] == [("renewed", ""), FREED]
    assert holds()


def test_an_old_sweep_of_an_agent_that_was_offline_releases_nothing_reserved_since():
    reserved(80, auto_release=True, at=NOON + timedelta(days=1))

    look(1, NGINX)
    look(2)

    assert holds()


def test_a_clock_that_is_behind_does_not_keep_a_port_that_its_program_has_left():
    reserved(80, auto_release=True, at=NOON)
    behind = timedelta(hours=1)
    for ticks, seen in ((1, []), (2, [NGINX]), (3, [])):
        at = NOON + ticks * TICK
        found = sweep(listener(22), *seen, host_id="web", machine_id="web", taken_at=at - behind)
        if ticks == 1:
            Reservation.objects.update(host_id="web")
        swept.send(None, outcome=reconcile(found, looked_at=at))

    assert not holds()


# What runs out, and what was leased to a process


def test_what_has_run_out_is_released():
    reserved(80, expires_at=NOON + TICK)
    reserved(81, expires_at=NOON + 3 * TICK)

    look_after(1)
    look_after(2)

    assert told(80) == [RESERVED, RELEASED]
    assert told(81) == [RESERVED]
    assert why() == history.RAN_OUT


@pytest.fixture
def process():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process


def leased(process, port=80, **terms):
    return reserved(port, pid=process.pid, **lease.identity(process.pid), **terms)


def test_a_lease_ends_with_its_process(process):
    leased(process)
    look_after()
    assert holds()

    process.communicate()
    look_after()

    assert told() == [RESERVED, RELEASED]
    assert why() == history.ENDED


def test_a_process_that_has_got_the_number_of_the_one_that_ended_holds_nothing():
    itself = lease.identity(os.getpid())
    another = itself | {"pid_started_at": itself["pid_started_at"] - 60}
    reserved(80, pid=os.getpid(), **another)
    reserved(81, pid=os.getpid(), **itself)

    look_after()

    assert (holds(80), holds(81)) == (False, True)


def test_what_another_host_leased_to_a_process_is_not_for_this_one_to_judge(process):
    leased(process, host_id="web")
    process.communicate()

    look_after()

    assert holds()


def test_beat_does_it_for_this_host(settings):
    settings.PORTATLAS_HOST_ID = "here"
    another = lease.identity(os.getpid()) | {"pid_started_at": 1}
    reserved(80, expires_at=NOON)
    reserved(81, host_id="here", pid=os.getpid(), **another)

    tasks.look_after_reservations()

    assert (holds(80), holds(81)) == (False, False)
