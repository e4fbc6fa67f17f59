"""The timeline of a port: its own events and those of its host, merged by time."""

import html
import re
from datetime import timedelta

import pytest

from collector.models import HostEvent, PortEvent
from portatlas.board import timeline
from portatlas.models import Port
from tests.conftest import NOON

MINUTE = timedelta(minutes=1)


@pytest.fixture
def port(open_port):
    return Port.objects.get(pk=open_port(80).pk)


def happen(port, event_type, at=NOON, **fields):
    return PortEvent.objects.create(
        port_runtime=port, event_type=event_type, timestamp=at, **fields
    )


def happen_to_host(port, event_type, at=NOON, **fields):
    return HostEvent.objects.create(host=port.host, event_type=event_type, timestamp=at, **fields)


def test_what_happened_to_the_host_stands_in_its_place(port):
    """N61, N62: a reboot and a gap explain what the port did."""
    happen(port, "appeared", NOON - 3 * MINUTE)
    happen_to_host(port, "unwatched", NOON - 2 * MINUTE)
    happen(port, "disappeared", NOON - MINUTE)
    happen_to_host(port, "rebooted", NOON)
    happen(port, "appeared", NOON)

    told = [line.event.event_type for line in timeline.lines(port)]

    assert told == ["appeared", "rebooted", "disappeared", "unwatched", "appeared"]


def test_a_port_is_not_told_what_happened_before_it_was_there(port):
    happen_to_host(port, "rebooted", port.first_seen_at - MINUTE)

    assert timeline.lines(port) == []


def test_a_timeline_has_an_end(port, django_assert_num_queries):
    PortEvent.objects.bulk_create(
        PortEvent(port_runtime=port, event_type="alive", timestamp=NOON - n * MINUTE)
        for n in range(300)
    )
    happen_to_host(port, "rebooted", NOON - 10 * MINUTE)

    with django_assert_num_queries(2):
        lines = timeline.lines(port)

    assert len(lines) == timeline.LINES
    assert lines[11].event.event_type == "rebooted"


@pytest.mark.parametrize(
    ("changes", "taken_by"),
    [
        ({"process_name": ["nginx", "caddy"], "exe": ["/nginx", "/caddy"]}, "caddy"),
        ({"container_name": ["web", ""], "process_name": ["docker-proxy", "nginx"]}, "nginx"),
        ({"container_name": ["", "web"], "process_name": ["nginx", "docker-proxy"]}, "web"),
        ({"program": ["/bin/python3 a.py", "/bin/python3 b.py"]}, "/bin/python3 b.py"),
        ({"process_name": ["nginx", ""]}, "another program"),
    ],
)
def test_a_takeover_names_who_came(changes, taken_by):
    line = timeline.Line.of_port(PortEvent(event_type="rebound", changes=changes))

    assert line.taken_by == taken_by


def test_a_restart_a_takeover_and_a_lost_socket_are_told_apart(port, admin_client):
    """N40, N64: another PID of one program is a restart, another program is not."""
    restart = {"current_pid": [7, 8]}
    takeover = {
        "process_name": ["nginx", "caddy"],
        "program": ["nginx", "/bin/caddy"],
        "unit": ["web.service", "web.service"],
    }
    happen(port, "rebound", NOON - 2 * MINUTE, pid=8, changes=restart)
    happen(port, "rebound", NOON - MINUTE, pid=77, changes=takeover)
    happen(port, "rebound", NOON, pid=77, changes={"sockets": [4, 3]})

    text = html.unescape(admin_client.get("/ports/atlas/tcp/80/").text)
    lines = re.findall(r'<li class="event.*?</time>(.*?)</li>', text, re.DOTALL)

    assert [" ".join(re.sub("<[^>]+>", "", line).split()) for line in lines] == [
        "Sockets came or went pid 77 sockets: 4 → 3",
        "Taken over by caddy pid 77 process: nginx → caddy program: nginx → /bin/caddy",
        "Restarted pid: 7 → 8",
    ]


def test_long_and_hostile_changes_are_clipped_text(port, admin_client):
    evil = "<script>alert(1)</script>" * 100
    happen(port, "rebound", changes={"cmdline": [evil, ""], "<b>odd</b>": [None, ["<i>"]]})
    happen_to_host(port, "rebooted", detail="<script>alert(2)</script>")

    text = admin_client.get("/ports/atlas/tcp/80/").text

    assert "<script>alert" not in text
    assert "<b>odd" not in text
    assert "… → nothing" in text
