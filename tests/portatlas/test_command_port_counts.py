"""`port history`, `stale`, `projects` and `summary` as people and scripts run them."""

import json
import os
import pwd
from datetime import timedelta
from functools import partial

import pytest
import time_machine

from portatlas.contexts.reservations.models import ReservationEvent
from portatlas.terminal.exits import Exit
from tests.conftest import NOON
from tests.portatlas.command import run

ME = pwd.getpwuid(os.geteuid()).pw_name
LONG_AGO = NOON - timedelta(days=45)


@pytest.fixture(autouse=True)
def _here(settings, db):
    settings.PORTATLAS_HOST_ID = "atlas"
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def port(capsys):
    """Return a function that runs `port` and returns what it printed and how it ended."""
    return partial(run, capsys, "port")


def test_history_tells_the_newest_first_and_what_was_changed(port, django_user_model):
    django_user_model.objects.create_user("ann")
    port("reserve", "other:8080", "--project", "shop", "--as", "ann")
    port("renew", "other:8080", "--project", "blog", "--tags", "a", "--as", "ann")
    port("release", "other:8080", "--as", "ann")

    rows = [line.split() for line in port("history")[0].splitlines()]

    at, ann = ["2026-01-01", "12:00:00"], ["ann", "(by", f"{ME})"]
    assert rows == [
        ["at", "action", "port", "host", "project", "by", "details"],
        [*at, "released", "8080/tcp", "other", "blog", *ann],
        [
            *(*at, "renewed", "8080/tcp", "other", "blog", *ann),
            *("project", "shop", "→", "blog,", "tags", "nothing", "→", "a"),
        ],
        [*at, "reserved", "8080/tcp", "other", "shop", *ann],
    ]


@pytest.mark.parametrize(
    ("details", "told"),
    [
        ({"changes": [1], "why": {"a": []}}, "a [], changes 1"),
        ({"changes": {"user": "www", "auto_release": [False, True]}}, "auto release no → yes, "),
        ({"b": None, "a": "\x1b[2J"}, "a \\x1b[2J"),
    ],
)
def test_details_that_somebody_else_wrote_are_told_as_they_are(details, told, port):
    ReservationEvent.objects.create(
        host_id="other", port=8080, action="renewed", at=NOON, details=details
    )

    assert told in port("history")[0]


@pytest.mark.parametrize(
    ("said", "ports"),
    [
        ([], [8083, 8082, 8080, 8080]),
        (["other:8080"], [8080]),
        (["8080", "--host", "other", "--protocol", "tcp"], [8080]),
        (["new:8080/udp"], [8080]),
        (["--host", "other"], [8083, 8082, 8080]),
        (["--protocol", "udp"], [8080]),
        (["--project", "blog"], [8082]),
        (["--limit", "1"], [8083]),
    ],
)
def test_history_is_that_of_what_is_asked_for(said, ports, port):
    port("reserve", "*:8080/udp", "--project", "shop", "--even-if-held")
    port("reserve", "other:8080", "--project", "shop")
    port("reserve", "other:8082", "--project", "blog")
    port("reserve", "other:8083", "--project", "shop")

    told = json.loads(port("history", *said, "--json")[0])

    assert [(each["port"], each["action"]) for each in told] == [
        (number, "reserved") for number in ports
    ]


def test_of_what_nothing_was_told_is_told_by_the_exit_code(port):
    assert port("history", "8080")[1:] == ("Nothing is told of that.\n", Exit.NOTHING)


def test_what_nobody_uses_is_stale_and_told_with_the_days(port, reserved, open_port):
    reserved(8080, reserved_at=LONG_AGO, description="Its till", requested_by="ann")
    reserved(8081, reserved_at=LONG_AGO - timedelta(days=2))
    reserved(8082, reserved_at=LONG_AGO)
    open_port(8082)
    reserved(8083, reserved_at=LONG_AGO, renewed_at=NOON)

    rows = [line.split() for line in port("stale")[0].splitlines()]

    assert rows == [
        ["days", "port", "host", "project", "by", "reserved", "what"],
        ["47", "8081/tcp", "atlas", "shop", "2025-11-15"],
        ["45", "8080/tcp", "atlas", "shop", "ann", "2025-11-17", "Its", "till"],
    ]


def test_the_days_are_counted_since_the_port_was_used_last(port, reserved, open_port):
    reserved(8080, reserved_at=LONG_AGO)
    seen = NOON - timedelta(days=31, hours=3)
    open_port(8080, gone=True, first_seen_at=LONG_AGO, last_seen_at=seen)

    [told] = json.loads(port("stale", "--json")[0])

    assert (told["port"], told["status"]) == (8080, "stale")
    assert (told["idle_days"], told["idle_since"]) == (31, "2025-12-01T09:00:00Z")


def test_without_a_stale_reservation_that_is_told(port, reserved):
    reserved(8080)

    assert port("stale")[1:] == ("No reservation is stale.\n", Exit.NOTHING)


@pytest.fixture
def every_kind(reserved, open_port):
    """One reservation of each kind, and one that has run out."""
    reserved(8080)
    open_port(8080, process_name="nginx", current_pid=42)
    reserved(8081, unit="a.service")
    open_port(8081, process_name="apache", unit="b.service")
    reserved(8082, reserved_at=LONG_AGO, project="blog")
    reserved(8083)
    reserved(8084, expires_at=NOON)


def test_projects_are_told_with_how_many_ports_they_have_and_use(port, every_kind):
    out, _, code = port("projects")

    assert [line.split(maxsplit=3) for line in out.splitlines()] == [
        ["project", "ports", "active", "and so they stand"],
        ["blog", "1", "0", "1 stale"],
        ["shop", "3", "2", "1 violated, 1 in-use, 1 reserved"],
    ]
    assert code == Exit.DONE


def test_projects_are_told_as_json(port, every_kind):
    told = json.loads(port("projects", "--json")[0])

    assert told[0] == {
        "project": "blog",
        "ports": 1,
        "active": 0,
        "by_status": {"violated": 0, "in-use": 0, "stale": 1, "reserved": 0},
    }


def test_without_a_project_that_is_told(port):
    assert port("projects")[1:] == ("No project has reserved a port.\n", Exit.NOTHING)


def test_the_summary_counts_and_tells_what_runs_on_reserved_ports(port, every_kind):
    out, _, code = port("summary")

    head, blank, *rows = out.splitlines()
    assert head == ("4 ports reserved of 2 projects: 1 violated, 1 in-use, 1 stale, 1 reserved.")
    assert (blank, code) == ("", Exit.DONE)
    assert [row.split(maxsplit=4) for row in rows] == [
        ["status", "port", "host", "project", "for        runs"],
        ["in-use", "8080/tcp", "atlas", "shop", "nginx (PID 42) on atlas"],
        ["violated", "8081/tcp", "atlas", "shop", "a.service  apache on atlas"],
    ]


def test_the_summary_tells_on_which_hosts_a_port_of_every_host_is_used(port, reserved, open_port):
    reserved(53, host_id="*")
    open_port(53, host_id="one")
    open_port(53, host_id="two")

    told = json.loads(port("summary", "--json")[0])

    assert (told["ports"], told["active"], told["project_count"]) == (1, 1, 1)
    [row] = told["in_use"]
    assert (row["host_id"], [each["host_id"] for each in row["held_by"]]) == ("*", ["one", "two"])


def test_the_summary_of_nothing_is_that(port):
    assert port("summary") == ("0 ports reserved.\n", "", Exit.DONE)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(
    ("said", "statements"),
    [("list", 1), ("stale", 1), ("projects", 1), ("summary", 3), ("history", 1)],
)
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_the_number_of_statements_does_not_grow(  # six are what it compares
    form, said, statements, count, port, reserved, open_port, django_assert_num_queries
):
    for number in range(8000, 8000 + count):
        reserved(number, reserved_at=LONG_AGO, project=f"a{number}")
        reserved(number + 100)
        open_port(number + 100)

    with django_assert_num_queries(statements):
        port(said, *form)
