"""Ports are reserved in the light of what is known: what speaks against one, and who is told."""

import os
import socket

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from collector import machine
from portatlas.bookings import Status
from portatlas.contexts.reservations import lease
from portatlas.contexts.reservations.models import Reservation
from portatlas.contexts.reservations.querysets import Place
from portatlas.contexts.reservations.services import Actor, RefusedError, TakenError
from portatlas.reserving import ground
from portatlas.reserving.ground import Ground, HeldError, Wanted
from tests.conftest import NOON

ME = Actor("me")
FAR = Place("far", "tcp")
HERE = Place("atlas", "tcp")
GROUND = Ground("atlas", range(8000, 8010))


@pytest.fixture
def bound():
    """A port of this machine that a program has bound, and on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield probe.getsockname()[1]


def occupied(place, within):
    found = GROUND.occupied(place, within).items()
    return {why: there for why, ports in found if (there := set(ports).intersection(within))}


def asked(place=FAR, at=NOON, **wanted):
    made = GROUND.request(place, Wanted("shop", **wanted), {}, by=ME, at=at)
    return [each.port for each in made]


def reserve(port=8080, *, host_id="far", project="shop", **options):
    wanted = Reservation(host_id=host_id, protocol="tcp", port=port, project=project)
    return GROUND.reserve(wanted, by=ME, at=NOON, **options)


def test_what_listens_on_the_host_is_occupied(open_port):
    open_port(8001, host_id="far")
    open_port(8002, host_id="far", gone=True)
    open_port(8003, host_id="far", protocol="udp")
    open_port(8004, host_id="other")

    assert occupied(FAR, range(8000, 8008)) == {ground.LISTENING: {8001}}
    assert occupied(Place("*", "tcp"), range(8000, 8008)) == {ground.LISTENING: {8001, 8004}}


def test_what_a_note_speaks_of_is_occupied(write_note):
    write_note(8001, host_id="far")
    write_note(8002, host_id="*")
    write_note(8003, host_id="other")

    assert occupied(FAR, range(8000, 8008)) == {ground.NOTED: {8001, 8002}}
    assert occupied(Place("*", "tcp"), range(8000, 8008)) == {ground.NOTED: {8001, 8002, 8003}}


def test_what_etc_services_names_is_occupied(db):
    assert 3306 in occupied(FAR, range(3306, 3307))[ground.NAMED]


def test_what_privileged_programs_alone_may_bind_is_occupied(db):
    found = occupied(FAR, range(1020, 1028))

    assert found[ground.PRIVILEGED] == {1020, 1021, 1022, 1023}


def test_what_the_kernel_lends_to_clients_is_occupied(db):
    clients = machine.ephemeral_ports()

    here = occupied(HERE, range(clients.start - 1, clients.start + 1))
    far = occupied(FAR, range(32767, 32769))

    assert here[ground.CLIENTS] == {clients.start}
    assert far[ground.CLIENTS] == {32768}


def test_a_request_gets_what_nothing_speaks_against(open_port, write_note, reserved):
    open_port(8000, host_id="far")
    write_note(8001, host_id="*")
    reserved(8002, host_id="far")
    reserved(8003, host_id="*")
    named = GROUND.occupied(FAR, range(8004, 8010))[ground.NAMED]

    found = asked(count=2)

    assert found == [port for port in range(8004, 8010) if port not in named][:2]


def test_a_request_leaves_out_what_is_bound_here(bound, db):
    near = range(bound, bound + 1)

    with pytest.raises(RefusedError):
        asked(HERE, within=near)


def test_what_is_bound_here_says_nothing_of_another_host(monkeypatch, bound, db):
    monkeypatch.setattr(machine, "EPHEMERAL", range(1))  # lent to no client there

    assert asked(FAR, within=range(bound, bound + 1)) == [bound]


def test_a_request_that_finds_too_few_says_what_is_with_the_others(open_port, write_note):
    open_port(8005, host_id="far")
    write_note(8006, host_id="far")

    with pytest.raises(RefusedError, match="3 free ports were asked for") as caught:
        asked(count=3, within=range(8005, 8008))

    assert "only 1 are in 8005-8007" in str(caught.value)
    assert "1 in use, 1 noted" in str(caught.value)
    assert not Reservation.objects.exists()


@pytest.mark.parametrize("count", [0, -1, 1001])
def test_an_impossible_number_of_ports_is_refused(count, db):
    with pytest.raises(ValidationError):
        asked(count=count)


def test_a_request_costs_the_same_for_any_number(db):
    def statements(count):
        with CaptureQueriesContext(connection) as found:
            asked(count=count, within=range(20000, 20020))
        return len(found)

    reserve(20000)

    assert statements(1) == statements(5)


def test_the_nearest_free_port_is_nobodys_yet(open_port):
    open_port(20005, host_id="far")

    port = Ground("atlas", range(20000, 20010)).nearest(("far", "tcp", 20005), by=ME)

    assert port == 20006
    assert not Reservation.objects.exists()


def test_what_a_program_holds_is_told_with_its_name(open_port):
    open_port(8080, host_id="far", process_name="nginx", current_pid=7)

    with pytest.raises(HeldError, match=r"8080/tcp on far is held by nginx \(PID 7\)\."):
        reserve()

    assert reserve(even_if_held=True).key == ("far", "tcp", 8080)


def test_what_is_bound_here_is_told(bound, db):
    with pytest.raises(HeldError, match="bound by a program"):
        reserve(bound, host_id="atlas")


def test_what_is_one_s_own_is_renewed_in_use_or_not(open_port, reserved):
    reserved(8080, host_id="far")
    open_port(8080, host_id="far")

    assert reserve().version == 2


def test_what_is_another_s_is_refused(reserved):
    reserved(8080, host_id="far", project="blog")

    with pytest.raises(TakenError, match="is reserved by blog"):
        reserve()


def test_of_what_is_another_s_and_held_it_is_told_whose_it_is(reserved, open_port):
    reserved(8080, host_id="far", project="blog")
    open_port(8080, host_id="far")

    with pytest.raises(TakenError, match="is reserved by blog"):
        reserve()


def test_what_any_host_holds_speaks_against_every_host(open_port):
    open_port(8080, host_id="other")

    with pytest.raises(HeldError, match="8080/tcp on other is held by sshd"):
        reserve(host_id="*")


def test_a_process_of_this_machine_may_lease(db):
    wanted = Reservation(host_id="atlas", protocol="tcp", port=20000, project="shop")
    wanted.pid = os.getpid()

    made = GROUND.reserve(wanted, by=ME, at=NOON)

    assert lease.identity(os.getpid()) == {
        "pid_started_at": made.pid_started_at,
        "pid_seen_in": made.pid_seen_in,
    }


@pytest.mark.parametrize(
    ("host", "pid"), [pytest.param("far", os.getpid(), id="far"), ("atlas", 2**22 + 1)]
)
def test_no_other_process_may_lease(host, pid, db):
    wanted = Reservation(host_id=host, protocol="tcp", port=20000, project="shop", pid=pid)

    with pytest.raises(ValidationError) as caught:
        GROUND.reserve(wanted, by=ME, at=NOON)

    assert list(caught.value.message_dict) == ["pid"]


@pytest.mark.parametrize(
    ("is_reserved", "is_open", "status"),
    [
        (False, False, Status.FREE),
        (False, True, Status.IN_USE),
        (True, False, Status.RESERVED),
        (True, True, Status.IN_USE),
    ],
)
def test_a_check_tells_how_a_port_stands(is_reserved, is_open, status, open_port, reserved):
    if is_open:
        open_port(20000, host_id="far")
    if is_reserved:
        reserved(20000, host_id="far")

    found = GROUND.check(("far", "tcp", 20000), NOON)

    assert (found.status, found.is_free) == (status, status == Status.FREE)
    assert bool(found.booking) == is_reserved
    assert bool(found.port) == is_open


def test_a_check_tells_of_somebody_else_who_holds_it(open_port, reserved):
    open_port(20000, host_id="far", process_name="nc")
    reserved(20000, host_id="far", process_name="nginx")

    assert GROUND.check(("far", "tcp", 20000), NOON).status == Status.VIOLATED


def test_a_check_tells_of_the_reservation_for_every_host(reserved):
    booking = reserved(20000, host_id="*")

    assert GROUND.check(("far", "tcp", 20000), NOON).booking.pk == booking.pk


def test_a_check_forgets_what_has_run_out(reserved):
    reserved(20000, host_id="far", expires_at=NOON)

    assert GROUND.check(("far", "tcp", 20000), NOON).is_free


def test_a_check_tells_what_is_bound_here(bound, db):
    found = GROUND.check(("atlas", "tcp", bound), NOON)

    assert ground.BOUND in found.obstacles
    assert not found.is_free


def test_a_check_costs_four_statements(open_port, reserved, django_assert_num_queries):
    open_port(20000, host_id="far")
    reserved(20000, host_id="far")

    with django_assert_num_queries(4):
        GROUND.check(("far", "tcp", 20000), NOON)
