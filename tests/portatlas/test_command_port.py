"""`port reserve` and `port list` as people and scripts run them."""

import json
from functools import partial

import pytest
import time_machine

from portatlas.contexts.reservations.models import Reservation
from portatlas.terminal.exits import Exit
from tests.conftest import NOON
from tests.portatlas.command import run


@pytest.fixture(autouse=True)
def _here(settings, db):
    settings.PORTATLAS_HOST_ID = "here"
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def port(capsys):
    """Return a function that runs `port` and returns what it printed and how it ended."""
    return partial(run, capsys, "port")


def test_a_port_is_reserved_with_all_that_is_said(port):
    out, err, code = port(
        *("reserve", "other:8080", "--project", "shop", "--description", "Its till"),
        *("--tags", "Web, a", "--metadata", '{"ticket": 42}', "--expires", "2h", "--auto-release"),
        *("--program", "nginx", "--user-name", "www", "--unit", "a.service", "--container", "till"),
    )

    reserved = Reservation.objects.get()
    assert out == "Reserved 8080/tcp on other for shop until 2026-01-01 14:00:00 UTC.\n"
    assert (err, code, reserved.key) == ("", Exit.DONE, ("other", "tcp", 8080))
    assert (reserved.tags, reserved.metadata) == (["web", "a"], {"ticket": 42})
    assert (reserved.description, reserved.auto_release) == ("Its till", True)
    assert (reserved.process_name, reserved.user) == ("nginx", "www")
    assert (reserved.unit, reserved.container_name) == ("a.service", "till")


def test_the_list_tells_each_reservation_and_how_it_stands(port, open_port):
    open_port(8080, host_id="here", process_name="nginx")
    port("reserve", "8080", "--project", "shop", "--program", "nginx", "--even-if-held")
    port("reserve", "8081", "--project", "blog", "--expires", "2026-01-31")

    rows = [line.split() for line in port("list")[0].splitlines()]

    by = Reservation.objects.first().requested_by
    assert rows == [
        ["status", "port", "host", "project", "for", "by", "until", "what"],
        ["in-use", "8080/tcp", "here", "shop", "nginx", by],
        ["reserved", "8081/tcp", "here", "blog", by, "2026-02-01", "00:00"],
    ]


def test_the_list_is_told_as_json(port):
    port("reserve", "8080", "--project", "shop")

    [row] = json.loads(port("list", "--json")[0])

    assert (row["host_id"], row["port"], row["project"]) == ("here", 8080, "shop")
    assert row["status"] == "reserved"
