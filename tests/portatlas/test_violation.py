"""When somebody else holds a reserved port: the same on the board and for the reservation."""

import pytest

from portatlas.models import Booking, Port
from tests.conftest import NOON
from tests.portatlas.bookings import reserved

pytestmark = pytest.mark.django_db

SHELL = [{"pid": 40, "name": "bash"}, {"pid": 1, "name": "init"}]
HOLDER = {
    "process_name": "nginx",
    "user": "www",
    "unit": "nginx.service",
    "container_name": "web",
    "current_pid": 50,
    "pids": [50, 51],
    "ancestors": SHELL,
}


def is_violated():
    """Whether it is, as the board has it and as the reservation has it, which agree."""
    (port,) = Port.objects.with_state(NOON)
    (booking,) = Booking.objects.with_status(NOON)
    told = port.severity == 15, booking.status == "violated"
    assert len(set(told)) == 1
    return told[0]


@pytest.mark.parametrize("host_id", ["atlas", "*"])
@pytest.mark.parametrize(
    ("terms", "is_anothers"),
    [
        ({}, False),
        ({"process_name": "nginx"}, False),
        ({"process_name": "Nginx"}, True),
        ({"user": "www"}, False),
        ({"user": "root"}, True),
        ({"unit": "nginx.service"}, False),
        ({"unit": "apache.service"}, True),
        ({"container_name": "web"}, False),
        ({"container_name": "db"}, True),
        ({"process_name": "nginx", "user": "www"}, False),
        ({"process_name": "nginx", "user": "root"}, True),
    ],
)
def test_a_port_is_for_all_that_its_reservation_names(host_id, terms, is_anothers, open_port):
    open_port(80, **HOLDER)
    reserved(80, host_id=host_id, **terms)

    assert is_violated() is is_anothers


@pytest.mark.parametrize(
    ("terms", "is_anothers"),
    [
        ({"pid": 50}, False),
        ({"pid": 51}, False),  # another of those that hold it
        ({"pid": 40}, False),  # its parent
        ({"pid": 1}, False),
        ({"pid": 5}, True),
        ({"pid": 500}, True),
        ({"pid": 50, "process_name": "caddy"}, True),
        ({"pid": 5, "process_name": "nginx"}, True),
    ],
)
def test_a_port_is_for_a_process_and_for_what_it_has_started(terms, is_anothers, open_port):
    open_port(80, **HOLDER)
    reserved(80, **terms)

    assert is_violated() is is_anothers


@pytest.mark.parametrize("owner", ["kernel", "not_permitted", "outside_view", "pending"])
def test_of_a_port_whose_owner_can_not_be_seen_nothing_is_said(owner, open_port):
    open_port(80, owner_state=owner, process_name="")
    reserved(80, process_name="nginx")

    assert not is_violated()


def test_a_port_that_is_gone_is_held_by_nobody(open_port):
    open_port(80, gone=True)
    reserved(80, process_name="nginx")

    assert not is_violated()


@pytest.mark.parametrize("term", [{"pid": 5}, {"process_name": "nginx"}])
def test_a_port_of_which_processes_are_known_but_not_which_is_another_s(term, open_port):
    """As a container's, whose name is known and whose processes are not."""
    open_port(80, pids=[], ancestors=[], process_name="", container_name="db")
    reserved(80, **term)

    assert is_violated()


@pytest.mark.parametrize("other", [{"protocol": "udp"}, {"port": 81}, {"host_id": "web"}])
def test_a_reservation_speaks_of_its_own_port_alone(other, open_port):
    open_port(80)
    reserved(**{"port": 80, "process_name": "nginx"} | other)

    (port,) = Port.objects.with_state(NOON)

    assert port.reason == "it has no note"


def test_a_noted_port_that_somebody_else_holds_says_so_and_keeps_its_note(open_port, write_note):
    open_port(80)
    write_note(80, risk_level="trusted")
    reserved(80, process_name="nginx")

    (port,) = Port.objects.with_state(NOON).select_related("note")

    assert (port.state, port.severity, port.note.risk_level) == ("suspicious", 14, "trusted")


@pytest.mark.parametrize(
    ("fact", "noted", "severity"),
    [
        ({}, {"risk_level": "suspicious"}, 10),
        ({"scope": "any"}, {"risk_level": "trusted", "expected_scope": "loopback"}, 12),
        ({"transition_4_at": NOON}, {"risk_level": "trusted"}, 14),  # flapping does not outdo it
    ],
)
def test_of_several_reasons_the_most_urgent_is_told(fact, noted, severity, open_port, write_note):
    open_port(80, **fact)
    write_note(80, **noted)
    reserved(80, process_name="nginx")

    (port,) = Port.objects.with_state(NOON)

    assert port.severity == severity
