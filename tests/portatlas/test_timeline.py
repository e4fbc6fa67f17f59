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


def kinds(page):
    return [line.kind for line in page.lines]


def test_what_happened_to_the_host_stands_in_its_place(port):
    """N61, N62: a reboot and a gap explain what the port did."""
    happen(port, "appeared", NOON - 3 * MINUTE)
    happen_to_host(port, "unwatched", NOON - 2 * MINUTE)
    happen(port, "disappeared", NOON - MINUTE)
    happen_to_host(port, "rebooted", NOON)
    happen(port, "appeared", NOON)

    page = timeline.page(port)

    assert kinds(page) == ["appeared", "rebooted", "disappeared", "unwatched", "appeared"]
    assert page.older is None


def test_a_port_is_not_told_what_happened_before_it_was_there(port):
    happen_to_host(port, "rebooted", port.first_seen_at - MINUTE)

    assert timeline.page(port).lines == []


def test_being_alive_is_folded_between_what_else_happened(port):
    happen(port, "appeared", NOON - 9 * MINUTE)
    for minute in (8, 7, 6):
        happen(port, "alive", NOON - minute * MINUTE)
    happen_to_host(port, "rebooted", NOON - 5 * MINUTE)
    happen(port, "alive", NOON - 4 * MINUTE)

    lines = timeline.page(port).lines

    assert [(line.what, line.details) for line in lines] == [
        ("Alive", []),
        ("atlas rebooted", []),
        ("Alive, 3 times", ["since 2026-01-01 11:52:00"]),
        ("Appeared", []),
    ]


def happen_often(port, event_type, times, step=MINUTE):
    PortEvent.objects.bulk_create(
        PortEvent(port_runtime=port, event_type=event_type, timestamp=NOON - number * step)
        for number in range(times)
    )


def all_pages(port):
    """Read a timeline from page to page."""
    before, pages = None, []
    while before or not pages:
        pages.append(timeline.page(port, before))
        before = pages[-1].older
    return pages


def test_pages_hold_everything_once(port):
    happen_often(port, "rebound", 250)
    for minute in (0, 99, 100, 200, 249):
        happen_to_host(port, "rebooted", NOON - minute * MINUTE)

    pages = all_pages(port)

    told = [(line.time, line.kind) for page in pages for line in page.lines]
    assert len(told) == len(set(told)) == 255
    assert told == sorted(told, key=lambda line: line[0], reverse=True)
    assert max(len(page.lines) for page in pages) == timeline.LINES


def test_a_page_ends_where_it_has_folded_enough(port):
    """Four months of being alive, once an hour, are a page."""
    happen_often(port, "alive", timeline.HEARTBEATS + 5)
    happen(port, "appeared", NOON - timedelta(days=30))

    pages = all_pages(port)

    assert [[line.what for line in page.lines] for page in pages] == [
        [f"Alive, {timeline.HEARTBEATS} times"],
        ["Alive, 5 times", "Appeared"],
    ]


def test_a_page_costs_three_queries(port, django_assert_num_queries):
    happen_often(port, "rebound", 150)
    happen_often(port, "alive", 150)
    happen_to_host(port, "rebooted")

    with django_assert_num_queries(3):
        timeline.page(port, NOON - MINUTE)


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


def test_a_change_of_reach_is_told_in_words():
    event = PortEvent(event_type="rebound", changes={"scope": ["loopback", "any"]})

    assert timeline.Line.of_port(event).changes == (("scope", "this machine only", "everywhere"),)


@pytest.mark.parametrize(
    ("fields", "details"),
    [
        ({"pid": 7}, ["pid 7"]),
        ({"pid": 7, "changes": {"current_pid": [6, 7]}}, []),
        ({"cause": "boot"}, ["after a reboot"]),
        ({"cause": "gap", "pid": 7}, ["pid 7", "after a gap in which nobody looked"]),
    ],
)
def test_an_event_tells_its_process_and_its_cause(fields, details):
    line = timeline.Line.of_port(PortEvent(event_type="appeared", **fields))

    assert line.details == details


def test_odd_values_of_a_change_are_text():
    event = PortEvent(event_type="rebound", changes={"odd": [None, ["a", 1]], "same": [0, 0]})

    assert timeline.Line.of_port(event).changes == (("odd", "", "a, 1"),)
