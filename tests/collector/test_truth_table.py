"""
What the truth table asks for, row by row, with real sockets and the real `ss`.

A row is named by its three signals: is the port in the database, was it opened since the last
look, was it closed since. A look sees what there is, not what happened, so "opened" without
"closed" on a known port is a further socket, and a close is what is no longer there.
"""

import os
import socket
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from itertools import count

import pytest

from collector.look import Watch
from collector.models import PortEvent, PortRuntime
from collector.services import collect
from collector.sweep import Verdict
from tests.conftest import NOON

pytestmark = pytest.mark.django_db

SERVER = """
import socket, sys
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("127.0.0.1", int(sys.argv[1])))
server.listen()
print("listening", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def look():
    """
    Return a function that looks at this machine and records it, 15 seconds later each time.

    Other tests open and close ports meanwhile, so it looks on until a look is believed.
    """
    watch, ticks = Watch(), count()

    def look(timeout=10, tries=9):
        for _ in range(tries):
            outcome = collect(
                watch,
                "atlas",
                clock=lambda: NOON + next(ticks) * timedelta(seconds=15),
                timeout=timeout,
                interval=15,
                alive_every=3600,
            )
            if outcome.sweep.verdict == Verdict.COMPLETE:
                return
        assert tries == 1, outcome.sweep.reason

    look()
    return look


def listen(port=0, *, shared=False):
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    server.bind(("127.0.0.1", port))
    server.listen()
    return server


@pytest.fixture
def other_program():
    """Return a function that has another process, of another script, listen on a port."""
    running = []

    def other_program(port):
        process = subprocess.Popen(  # noqa: S603  # our own interpreter
            [sys.executable, "-c", SERVER, str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        running.append(process)
        assert process.stdout.readline() == b"listening\n"
        return process.pid

    yield other_program
    for process in running:
        process.communicate()


def port_of(server):
    return server.getsockname()[1]


def events(port):
    return list(PortEvent.objects.filter(port_runtime__port=port).order_by("pk"))


def kinds(port):
    return [event.event_type for event in events(port)]


def row(port):
    return PortRuntime.objects.get(port=port)


def test_0_0_0_a_port_never_seen_is_nothing(look):
    with closing(listen()) as server:
        port = port_of(server)

    look()

    assert not PortRuntime.objects.filter(port=port).exists()


def test_0_1_0_a_new_binding_is_inserted(look):
    with closing(listen()) as server:
        look()
        port = port_of(server)

    assert (row(port).current_state, row(port).current_pid) == ("active", os.getpid())
    assert kinds(port) == ["appeared"]


def test_0_0_1_the_close_of_a_port_we_do_not_know_is_ignored(look):
    """The socket was there before, but no look has seen it."""
    server = listen()
    port = port_of(server)
    server.close()

    look()

    assert kinds(port) == []


def test_0_1_1_what_opened_and_closed_between_two_looks_is_not_inserted(look):
    look()
    with closing(listen()) as server:
        port = port_of(server)

    look()

    assert kinds(port) == []


def test_1_0_0_a_stable_port_is_kept(look):
    with closing(listen()) as server:
        look()
        before = row(port_of(server))

        look()

        assert row(before.port).first_seen_at == before.first_seen_at
        assert kinds(before.port) == ["appeared"]


def test_1_1_0_a_further_socket_on_a_known_port_updates_it(look):
    """N40: of the same port in SO_REUSEPORT."""
    with closing(listen(shared=True)) as first:
        look()
        port = port_of(first)
        since = row(port).active_since

        with closing(listen(port, shared=True)):
            look()

            assert len(row(port).endpoints) == 2
    assert (row(port).active_since, kinds(port)) == (since, ["appeared", "rebound"])
    assert events(port)[-1].changes == {"sockets": [1, 2]}


def test_1_0_1_a_closed_port_is_marked_as_disappeared_and_kept(look):
    with closing(listen()) as server:
        look()
        port = port_of(server)

    look()

    assert (row(port).current_state, kinds(port)) == ("disappeared", ["appeared", "disappeared"])


def test_1_1_1_a_port_closed_and_reopened_by_the_same_program_is_a_quiet_restart(look):
    """N64: one event, which says that it is no takeover; the port never was away."""
    with closing(listen()) as server:
        look()
        port = port_of(server)
        since = row(port).active_since

    with closing(listen(port)):
        look()

    assert (row(port).current_state, kinds(port)) == ("active", ["appeared", "rebound"])
    assert (events(port)[-1].is_takeover, row(port).transition_2_at) == (False, None)
    assert row(port).active_since > since


def test_1_1_1_a_port_closed_and_reopened_by_another_program_changes_its_owner(look, other_program):
    with closing(listen()) as server:
        look()
        port = port_of(server)

    pid = other_program(port)
    look()

    assert (row(port).current_pid, kinds(port)) == (pid, ["appeared", "rebound"])
    assert events(port)[-1].is_takeover
    assert events(port)[-1].changes["current_pid"] == [os.getpid(), pid]


@pytest.mark.parametrize("script", ["exit 1", "exec sleep 9", "exit 0", "echo '<html>'"])
def test_1_0_by_a_look_that_is_not_believed_nothing_changes(look, fake_ss, script):
    """N56: a look that failed, timed out, came back empty or with something else."""
    with closing(listen()) as server:
        look()
        port = port_of(server)

    fake_ss(script)
    look(timeout=0.3, tries=1)

    assert (row(port).current_state, kinds(port)) == ("active", ["appeared"])
