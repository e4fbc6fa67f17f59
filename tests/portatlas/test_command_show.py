"""`ports show`: everything about one port."""

import json
from datetime import timedelta
from functools import partial

import pytest
import time_machine

from collector.models import Coverage, PortEvent
from notes.models import EVERY_HOST
from notes.services import save
from portatlas.terminal.exits import Exit
from tests.conftest import NOON
from tests.portatlas.command import run


@pytest.fixture(autouse=True)
def _at_noon():
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def ports(capsys):
    """Return a function that runs `ports` and returns what it printed and how it ended."""
    return partial(run, capsys, "ports")


def test_show_tells_everything_about_one_port(ports, open_port, write_note, add_host):
    add_host(watched_since=NOON - timedelta(hours=12), watched_until=NOON)
    end = {"address": "0.0.0.0", "device": "", "scope": "any", "backlog": 0, "limit": 128}
    owner = {"process_name": "nginx", "pid": 7, "family": "v4", "cookie": "1", "inode": 1}
    port = open_port(
        80,
        process_name="nginx",
        current_pid=7,
        pids=[7, 8],
        ancestors=[{"pid": 1, "name": "init"}],
        active_since=NOON - timedelta(hours=6),
        endpoints=[end | owner],
    )
    event = {"event_type": "appeared", "timestamp": NOON - timedelta(hours=6), "pid": 7}
    PortEvent.objects.create(port_runtime=port, **event)
    note = write_note(80, title="Shop", owner="alice", description="Ask *her*.\nTwice.")
    note.owner = "bob"
    save(note, by=None, seen=1)

    out, _, code = ports("show", "atlas:80/tcp")

    assert out.splitlines() == [
        "80/tcp on atlas  i known  it has a note",
        "what        Shop",
        "is          up 6 h",
        "open to     everywhere",
        "process     nginx",
        "first seen  2025-12-31 12:00:00 UTC, 1 d ago",
        "last seen   2026-01-01 12:00:00 UTC, 0 s ago",
        "",
        "Note",
        "  Shop",
        "  risk  Expected",
        "  type  Unknown",
        "  ask   bob",
        "  Ask *her*.",
        "  Twice.",
        "  Last saved by somebody 0 s ago",
        "",
        "History of the note (UTC)",
        "  2026-01-01 12:00:00  Changed by somebody  owner: alice → bob",
        (
            "  2026-01-01 12:00:00  Written by somebody  title: nothing → Shop; owner: nothing → "
            "alice; type: nothing → Unknown; risk: nothing → Expected; the description"
        ),
        "",
        "Sockets",
        "  0.0.0.0:80  IPv4  nginx 7",
        "",
        "Processes",
        "  init 1",
        "    nginx 7",
        "      process 8 holds it too",
        "",
        "Last 24 hours",
        "  " + 48 * "·" + 24 * "▁" + 24 * "█",
        "  █ up  ▁ down  · unknown",
        "",
        "Last events (UTC)",
        "  2026-01-01 06:00:00  Appeared  pid 7",
    ]
    assert code == Exit.DONE


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("22", ["atlas tcp", "db-1 tcp", "db-1 udp"]),
        ("22/tcp", ["atlas tcp", "db-1 tcp"]),
        ("db-1:22", ["db-1 tcp", "db-1 udp"]),
        ("db-1:22/udp", ["db-1 udp"]),
    ],
)
def test_show_lists_all_that_may_be_meant(named, expected, ports, open_port):
    open_port(22)
    open_port(22, host_id="db-1")
    open_port(22, host_id="db-1", protocol="udp")

    out, _, _ = ports("show", named, "--json")
    text, _, code = ports("show", named)

    found = json.loads(out)
    assert [f"{port['host_id']} {port['protocol']}" for port in found] == expected
    assert text.startswith(f"{len(expected)} ports have this number") == (len(expected) > 1)
    assert code == Exit.DONE


def test_show_tells_the_note_of_a_port_that_was_never_seen(ports, write_note):
    write_note(8080, title="Soon")
    write_note(53, host_id=EVERY_HOST, title="Names", protocol="udp")

    own, _, code = ports("show", "8080")
    of_all, _, _ = ports("show", "anywhere:53")
    _, err, unknown = ports("show", "81")

    assert own.splitlines()[:5] == [
        "8080/tcp on atlas was never seen.",
        "",
        "Note",
        "  Soon",
        "  risk  Expected",
    ]
    assert of_all.startswith("53/udp on every host was never seen.\n")
    assert (code, unknown, err) == (
        Exit.DONE,
        Exit.NOTHING,
        "81 was never seen, and has no note.\n",
    )


def test_show_tells_who_has_reserved_the_port(ports, open_port, reserved):
    open_port(8080, process_name="python3")
    reserved(8080, project="front", process_name="nginx", description="Shop")

    out = ports("show", "8080")[0].splitlines()

    start = out.index("Reservation")
    assert out[start + 1 : start + 5] == [
        "  Violated: reserved by front; somebody else holds it.",
        "  held by   python3",
        "  what for  Shop",
        "  for       nginx",
    ]


@pytest.mark.parametrize("count", [1, 3])
def test_show_takes_the_same_statements_for_one_event_and_for_three(
    count, ports, open_port, write_note, add_host, django_assert_num_queries
):
    """The port with its note; its host's stretches, what it did then; three kinds of events; what
    the note said before; and its reservation with its history."""
    add_host(watched_since=NOON - timedelta(hours=1), watched_until=NOON)
    port = open_port(22, pids=list(range(count)), current_pid=1)
    for number in range(count):
        at = NOON - timedelta(minutes=number)
        PortEvent.objects.create(port_runtime=port, event_type="rebound", timestamp=at)
        start = NOON - timedelta(hours=5 + number)
        Coverage.objects.create(host_id="atlas", started_at=start, ended_at=start)
    write_note(22)

    with django_assert_num_queries(9):
        ports("show", "22")
