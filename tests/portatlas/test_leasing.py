"""Ports that are leased to a command for as long as it runs."""

import json
import os
import sys
from functools import partial

import pytest
from django.db import connection
from django.utils import timezone

from portatlas.contexts.reservations.models import Reservation, ReservationEvent
from portatlas.contexts.reservations.querysets import Place
from portatlas.contexts.reservations.services import Actor, RefusedError
from portatlas.reserving import leasing, observing
from portatlas.reserving.errand import Errand
from portatlas.reserving.ground import Ground, Wanted
from portatlas.terminal.exits import Exit
from tests.portatlas.command import run as run_command

ME = Actor("me")
# Takes the port that it was given, and says so.
SERVER = """
import os, socket, sys
socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
os.write(1, f"{os.getpid()} {os.environ['PORT']} {os.environ.get('PORT_2')}".encode())
sys.exit(7)
"""
SERVE = (sys.executable, "-I", "-S", "-c", SERVER)


@pytest.fixture
def ground():
    """A machine that gives ports that nobody is likely to have."""
    return Ground("here", range(21000, 21500))


@pytest.fixture
def lease(ground, monkeypatch):
    """Return a function that runs a command; the tests keep their connection."""
    monkeypatch.setattr(leasing, "hang_up", lambda: None)
    return partial(leasing.run, ground, by=ME, clock=timezone.now)


def history():
    lines = ReservationEvent.objects.order_by("pk")
    return list(lines.values_list("action", "port", "details"))


@pytest.mark.django_db
def test_the_ports_are_the_commands_own_and_released_when_it_has_ended(lease, capfd):
    leased = []

    code = lease(Wanted("web", 2), SERVE, variables=["PORT", "PORT_2"], begins=leased.extend)

    one, other = leased
    assert code == 7
    assert capfd.readouterr().out == f"{one.pid} {one.port} {other.port}"
    assert one.pid == other.pid != os.getpid()
    assert not Reservation.objects.exists()
    assert history() == [
        ("reserved", one.port, {"pid": one.pid}),
        ("reserved", other.port, {"pid": other.pid}),
        ("released", one.port, {"why": "its process ended"}),
        ("released", other.port, {"why": "its process ended"}),
    ]


@pytest.mark.django_db
def test_two_at_once_have_different_ports(lease):
    ports = []

    def run_another(leased):
        ports.extend(each.port for each in leased)
        if len(ports) < 2:
            lease(Wanted("web"), ["true"], variables=["PORT"], begins=run_another)

    lease(Wanted("web"), ["true"], variables=["PORT"], begins=run_another)

    assert len(set(ports)) == 2


@pytest.mark.django_db
def test_what_is_kept_stays_reserved_without_a_lease(lease):
    lease(Wanted("web"), ["true"], variables=["PORT"], keep=True)

    assert Reservation.objects.get().pid is None


@pytest.mark.django_db
def test_a_port_that_somebody_else_has_got_meanwhile_is_left_to_him(lease):
    others = []

    def pass_on(leased):
        leasing.release(leased, by=ME, at=timezone.now())
        others.append(
            Reservation.objects.create(
                host_id="here", port=leased[0].port, project="other", reserved_at=timezone.now()
            )
        )

    lease(Wanted("web"), ["true"], variables=["PORT"], begins=pass_on)

    assert list(Reservation.objects.all()) == others


@pytest.mark.django_db
def test_where_no_port_is_free_the_command_is_not_run(lease, tmp_path):
    wanted = Wanted("web", within=range(1, 2))

    with pytest.raises(RefusedError):
        lease(wanted, ["touch", str(tmp_path / "begun")], variables=["PORT"])

    assert list(tmp_path.iterdir()) == []


@pytest.mark.django_db
def test_a_lease_whose_runner_was_killed_holds_until_the_command_has_ended(ground):
    """The runner is no part of it: the lease is made for the process that becomes the command."""
    errand = Errand(["true"])
    said = {"pid": errand.pid}
    ground.request(Place("here", "tcp"), Wanted("web"), said, by=ME, at=timezone.now())

    before = observing.look_after(timezone.now(), here="here")
    errand.give_up()
    after = observing.look_after(timezone.now(), here="here")

    assert (before, after) == (0, 1)


@pytest.mark.parametrize(
    ("count", "said"), [(2, ["A", "B", "C"]), (2, ["A", "A"]), (1, ["A=B"]), (1, [""]), (1, ["É"])]
)
def test_variables_that_cant_be_are_refused(count, said):
    with pytest.raises(ValueError, match="variable"):
        leasing.names(count, said)


@pytest.mark.django_db(transaction=True)
def test_no_connection_is_open_while_the_command_runs(settings, capfd, monkeypatch):
    settings.PORTATLAS_HOST_ID = "here"
    open_while_it_runs = []
    run = Errand.run

    def look(errand, told):
        open_while_it_runs.append(connection.connection is not None and not _is_in_memory())
        return run(errand, told)

    monkeypatch.setattr(Errand, "run", look)
    arguments = ("--request", "web", "--range", "21000-21499", "--", *SERVE)

    out, err, code = run_command(capfd, "port", "run", *arguments)

    port = out.split()[1]
    assert (code, open_while_it_runs) == (7, [False])
    assert err == f"Leased {port}/tcp on here for web.\n"
    assert not Reservation.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_what_was_leased_is_told_as_json_beside_what_the_command_says(settings, capfd):
    settings.PORTATLAS_HOST_ID = "here"
    arguments = ("--request", "web", "--range", "21000-21499", "--count", "2", "--json")

    out, err, code = run_command(
        capfd, "port", "run", *arguments, "--", "sh", "-c", "echo $PORT $PORT_2"
    )

    told = json.loads(err)
    assert [each["port"] for each in told] == [int(port) for port in out.split()]
    assert {(each["project"], each["status"]) for each in told} == {("web", "reserved")}
    assert code == Exit.DONE


@pytest.mark.django_db
@pytest.mark.parametrize(
    "arguments",
    [("--range", "8000-x"), ("--range", "0-9"), ("--count", "0"), ("--count", "2000"),
     ("--env", "A,B"), ("--env", "1A")],
)  # fmt: skip
def test_what_makes_no_sense_is_wrong_usage(capsys, arguments):
    out, _, code = run_command(capsys, "port", "run", "--request", "web", *arguments, "--", "true")

    assert (out, code) == ("", Exit.USAGE)


def _is_in_memory():
    return connection.vendor == "sqlite" and connection.is_in_memory_db()
