"""`port request` and `port check` as people and scripts run them."""

import json
import socket

import pytest
import time_machine

from portatlas.contexts.reservations.models import AllocationRule, Reservation
from portatlas.terminal.exits import Exit
from tests.conftest import NOON
from tests.portatlas.command import run


@pytest.fixture(autouse=True)
def _here(settings, db):
    settings.PORTATLAS_HOST_ID = "here"
    settings.PORTATLAS_PORT_RANGE = "20500-20599"
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def port(capsys):
    """Return a function that runs `port` for another host, whose ports nothing binds here."""

    def port(verb, *said):
        return run(capsys, "port", verb, "--host", "atlas", *said)

    return port


def test_free_ports_are_printed_one_a_line_and_nothing_else(port, open_port, reserved):
    open_port(20500)
    reserved(20502)

    asked = port("request", "--project", "shop", "--count", "3", "--expires", "2h", "--tags", "a")

    given = Reservation.objects.filter(tags=["a"]).values_list("port", "project", "expires_at")
    assert asked == ("20501\n20503\n20504\n", "", Exit.DONE)
    assert list(given) == [
        (number, "shop", NOON.replace(hour=14)) for number in (20501, 20503, 20504)
    ]


@pytest.mark.parametrize(
    ("said", "ports"),
    [
        (["--near", "20550"], [20550]),
        (["--range", "20560-20569", "--count", "2"], [20560, 20561]),
        (["--count", "2", "--adjacent"], [20502, 20503]),
        (["--protocol", "udp"], [20500]),
    ],
)
def test_free_ports_are_those_that_are_asked_for(said, ports, port, reserved):
    reserved(20501)

    out, _, _ = port("request", "--project", "blog", *said)

    assert list(map(int, out.split())) == ports


def test_the_ports_that_are_given_are_told_as_json(port):
    told = json.loads(port("request", "--project", "shop", "--count", "2", "--json")[0])

    assert [(each["host_id"], each["port"], each["project"]) for each in told] == [
        ("atlas", 20500, "shop"),
        ("atlas", 20501, "shop"),
    ]


@pytest.mark.parametrize(
    ("said", "told", "code"),
    [
        (["--count", "0"], "--count: 1 to 1,000 ports", Exit.USAGE),
        (["--count", "101"], "101 free ports were asked for; only 100 are", Exit.REFUSED),
        (["--range", "9-1"], "--range: a range goes from the lower", Exit.USAGE),
        (["--range", "0-9"], "--range: a range goes from the lower", Exit.USAGE),
        (["--range", "1-65536"], "--range: a range goes from the lower", Exit.USAGE),
        (["--range", "80"], "--range: '80' is no range", Exit.USAGE),
        (["--range", "٨-٩"], "--range: '\\u0668-\\u0669' is no range", Exit.USAGE),
        (["--near", "65536"], "--near: '65536' is no port", Exit.USAGE),
        (["--near", "x"], "--near: 'x' is no port", Exit.USAGE),
        (["--pid", "1"], "--pid: A lease by PID is for", Exit.USAGE),
    ],
)
def test_without_free_ports_nothing_is_printed_but_why(said, told, code, port):
    out, err, ended = port("request", "--project", "shop", *said)

    assert err.startswith(told)
    assert (out, ended, Reservation.objects.count()) == ("", code, 0)


def test_a_free_port_is_told_to_be(port):
    assert port("check", "20500") == ("20500/tcp on atlas is free.\n", "", Exit.DONE)


def test_why_a_port_is_not_free_is_told_and_the_nearest_that_is(port, open_port, reserved):
    open_port(20550, process_name="nginx", current_pid=42)
    reserved(20550, expires_at=NOON.replace(hour=13))
    reserved(20551)

    out, _, code = port("check", "20550")

    assert out.splitlines() == [
        "20550/tcp on atlas is not free.",
        "  It is reserved by shop until 2026-01-01 13:00.",
        "  It is held by nginx (PID 42) on atlas.",
        "The nearest free port is 20549.",
    ]
    assert code == Exit.REFUSED


@pytest.mark.parametrize(
    ("asked", "reserved_on", "where"),
    [("atlas", "*", "on every host "), ("*", "atlas", "on atlas "), ("atlas", "atlas", "")],
)
def test_where_a_port_is_reserved_is_told_if_it_is_elsewhere(
    asked, reserved_on, where, capsys, reserved
):
    reserved(20550, host_id=reserved_on)

    out, _, _ = run(capsys, "port", "check", f"{asked}:20550")

    assert out.splitlines()[1] == f"  It is reserved {where}by shop."


def test_a_port_of_others_by_the_rules_is_free_for_these_alone(port):
    AllocationRule.objects.create(project="shop", first=20510, last=20519, reason="Ask ann.")

    for_any = port("check", "20510")
    for_shop = port("check", "20510", "--project", "shop")

    assert for_any[0].splitlines() == [
        "20510/tcp on atlas is not free.",
        "  20510/tcp belongs to project shop, which has 20510-20519. Ask ann.",
        "The nearest free port is 20509.",
    ]
    assert (for_any[2], for_shop) == (
        Exit.REFUSED,
        ("20510/tcp on atlas is free.\n", "", Exit.DONE),
    )


def test_nothing_is_free_for_what_no_project_can_be_called(port):
    out, err, code = port("check", "20500", "--project", "a/b")

    assert err.startswith("--project: A project's name has letters")
    assert (out, code) == ("", Exit.USAGE)


def test_a_project_may_have_its_own(port, reserved, open_port):
    open_port(20500)
    reserved(20500)

    told = port("check", "20500", "--project", "shop")

    assert told == (
        "20500/tcp on atlas is reserved by shop, which may renew it.\n",
        "",
        Exit.DONE,
    )


def test_a_port_of_every_host_is_no_port_of_one_that_its_project_could_renew(port, reserved):
    reserved(20500, host_id="*")

    out, _, code = port("check", "20500", "--project", "shop")

    assert out.splitlines()[:2] == [
        "20500/tcp on atlas is not free.",
        "  It is reserved on every host by shop.",
    ]
    assert code == port("reserve", "20500", "--project", "shop")[2] == Exit.REFUSED


def test_what_nobody_is_given_who_asks_for_any_is_free_still(port, write_note):
    write_note(80)
    reasons = "noted, for privileged programs, named in /etc/services"

    out, _, code = port("check", "80")

    assert out.splitlines() == [
        "80/tcp on atlas is free.",
        f"  It is {reasons}: who asks for any port isn't given it.",
        "The nearest port that is free of that is 20500.",
    ]
    assert code == Exit.DONE


def test_a_port_that_is_bound_here_without_listening_is_not_free(capsys):
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        number = bound.getsockname()[1]

        out, _, code = run(capsys, "port", "check", str(number))

    assert "  It is bound by a program, or until a minute ago." in out.splitlines()
    assert code == Exit.REFUSED


def test_how_a_port_stands_is_told_as_json(port, open_port, reserved):
    open_port(20500, process_name="nginx", current_pid=42, unit="a.service")
    reserved(20500)

    out, _, code = port("check", "20500", "--json")

    told = json.loads(out)
    assert told.pop("reservation")["project"] == "shop"
    assert (code, told) == (
        Exit.REFUSED,
        {
            "host_id": "atlas",
            "protocol": "tcp",
            "port": 20500,
            "status": "in-use",
            "listener": {
                "host_id": "atlas",
                "pid": 42,
                "process_name": "nginx",
                "user": "",
                "unit": "a.service",
                "container_name": "",
                "active_since": "2026-01-01T11:00:00Z",
            },
            "obstacles": ["in use"],
            "is_free": False,
            "refusal": "",
            "nearest": 20501,
        },
    )
