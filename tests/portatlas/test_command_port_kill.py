"""`port kill` as people and scripts run it, on real processes."""

import json
import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import pytest
from django.utils import timezone

from collector import asking
from collector.sweep import Owner, OwnerState, Role
from portatlas.contexts.reservations.models import Reservation, ReservationEvent
from portatlas.reserving import killing
from portatlas.terminal.exits import Exit
from tests.collector.sweeps import listener
from tests.portatlas.command import run

# Listens where it is told, forks a worker if it is to, and says which port it has.
SERVER = """
import os, signal, socket, sys
kind = socket.SOCK_DGRAM if "udp" in sys.argv else socket.SOCK_STREAM
server = socket.socket(socket.AF_INET, kind)
server.bind(("127.0.0.1", 0))
if kind == socket.SOCK_STREAM:
    server.listen()
if "fork" in sys.argv and not os.fork():
    os.write(1, f"{os.getpid()} ".encode())
    signal.pause()
else:
    if "fork" in sys.argv:
        signal.signal(signal.SIGTERM, lambda *_: (os.wait(), sys.exit()))
    os.write(1, f"{server.getsockname()[1]}\\n".encode())
    while True:
        signal.pause()
"""


@contextmanager
def server(*options, title=()):
    """Lend a process that listens, and its port."""
    command = [sys.executable, "-I", "-S", "-c", SERVER, *options, *title]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  # our own
        try:
            yield process, max(int(word) for word in process.stdout.readline().split())
        finally:
            process.kill()


@pytest.fixture
def asked(monkeypatch):
    """How often somebody was asked to look."""
    calls = []
    monkeypatch.setattr(asking, "send", calls.append)
    return calls


@pytest.fixture
def kill(settings, db, asked, capsys):
    settings.PORTATLAS_HOST_ID = "here"
    return partial(run, capsys, "port", "kill")


@pytest.fixture
def terminal(monkeypatch):
    """Return a function that has somebody type at a terminal."""
    master, slave = os.openpty()

    def typed(text):
        os.write(master, text.encode())

    with os.fdopen(slave) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield typed
    os.close(master)


def killed():
    lines = ReservationEvent.objects.filter(action="killed")
    return list(lines.values_list("host_id", "protocol", "port", "project", "details"))


def test_who_holds_a_port_is_ended_and_that_is_told(kill, asked):
    with server() as (process, port):
        out, err, code = kill(str(port), "--yes")
        process.wait()

    [line] = killed()
    name = line[4]["program"]
    assert (out, err, code) == (f"{name} (PID {process.pid}) has ended.\n", "", Exit.DONE)
    assert line[:4] == ("here", "tcp", port, "")
    assert line[4]["fates"] == {str(process.pid): "ended"}
    assert len(asked) == 1


def test_the_history_of_a_reserved_port_names_its_project(kill):
    with server("udp") as (process, port):
        Reservation.objects.create(
            host_id="*", protocol="udp", port=port, project="shop", reserved_at=timezone.now()
        )
        out, _, code = kill(f"{port}/udp", "--yes", "--json")

    told = json.loads(out)
    assert (code, told["is_free"]) == (Exit.DONE, True)
    assert told["processes"] == [{"pid": process.pid, "fate": "ended"}]
    assert [line[:4] for line in killed()] == [("here", "udp", port, "shop")]


def test_all_who_hold_it_are_ended_the_leader_first(kill):
    with server("fork") as (process, port):
        out, _, code = kill(str(port), "--yes", "--json")

    fates = json.loads(out)["processes"]
    assert (code, fates[0]["pid"], len(fates)) == (Exit.DONE, process.pid, 2)
    assert {each["fate"] for each in fates} == {"ended"}


def test_it_is_done_when_somebody_agrees_who_was_told_what_it_is(kill, terminal):
    terminal("y\n")

    with server() as (process, port):
        out, _, code = kill(str(port))

    assert code == Exit.DONE
    assert f"{port}/tcp on here is held by " in out
    assert SERVER.split()[1] in out
    assert f"processes  {process.pid}" in out
    assert "End it? [y/N] " in out


def test_it_is_not_done_when_nobody_agrees(kill, terminal):
    terminal("\n")

    with server() as (process, port):
        _, err, code = kill(str(port))

        assert (err, code) == ("Nothing was ended.\n", Exit.NOTHING)
        assert process.poll() is None
    assert killed() == []


def test_without_a_terminal_it_has_to_be_said(kill):
    _, err, code = kill("1")

    assert (err, code) == (
        "There is nobody to ask: say --yes to end it without that.",
        Exit.USAGE,
    )


def test_what_nobody_holds_is_nothing_to_end_and_the_other_protocol_is_hinted_at(kill):
    with server("udp") as (process, port):
        _, err, code = kill(str(port), "--yes")

        assert code == Exit.NOTHING
        assert err.startswith(f"{port}/tcp on here is held by nobody. {port}/udp is, by ")
        assert process.poll() is None


@pytest.mark.parametrize("host", ["other", "*"])
def test_another_machine_is_refused(kill, host):
    _, err, code = kill("22", "--host", host, "--yes")

    assert (err, code) == (
        "This machine is here: run it on the one that is meant.",
        Exit.REFUSED,
    )


def test_port_atlas_itself_is_refused(kill):
    with server(title=["-m", "gunicorn", "portatlas.wsgi"]) as (process, port):
        _, err, code = kill(str(port), "--yes")

        assert err == f"Port Atlas itself holds {port}/tcp on here: end it where it runs."
        assert (code, process.poll()) == (Exit.REFUSED, None)


def test_who_started_this_command_is_refused(kill):
    with socket.create_server(("127.0.0.1", 0)) as own:
        _, err, code = kill(str(own.getsockname()[1]), "--yes")

    assert code == Exit.REFUSED
    assert "has started this command" in err


@pytest.mark.parametrize(
    ("owner", "why"),
    [
        (Owner(OwnerState.KERNEL), "The kernel itself holds"),
        (Owner(OwnerState.NOT_PERMITTED), "run this as root"),
        (Owner(OwnerState.OUTSIDE_VIEW), "Run this on the machine itself"),
        (Owner(OwnerState.UNKNOWN), "No process was found"),
        (Owner(OwnerState.KNOWN, (1, 9), "systemd"), "The service manager itself"),
        (
            Owner(OwnerState.KNOWN, (1, 9), "cupsd", socket_unit="cups.socket"),
            "systemctl stop cups.socket",
        ),
        (
            Owner(OwnerState.KNOWN, (9,), "docker-proxy", role=Role.PROXY, container_name="a b"),
            "docker stop 'a b'",
        ),
    ],
)
def test_what_is_no_process_of_its_own_is_refused(owner, why):
    assert why in killing.refusal("here", replace(listener(8080), owner=owner))


@pytest.mark.parametrize(
    ("place", "better"),
    [
        ({"unit": "nginx.service"}, "systemctl stop nginx.service"),
        ({"container": "0123456789ab"}, "docker stop 0123456789ab"),
        ({"container": "0123456789ab", "container_name": "shop"}, "docker stop shop"),
        ({"unit": "user@1000.service"}, ""),
        ({}, ""),
    ],
)
def test_what_would_be_started_again_is_better_stopped(place, better):
    said = killing.advice(Owner(OwnerState.KNOWN, (9,), "nginx", **place))

    assert said.endswith(better)
    assert bool(said) == bool(better)
