"""Exports of Port Keeper: what they reserve here, and what is told of the rest."""

import json
from datetime import UTC, datetime

import pytest

from portatlas.contexts.reservations.exchange import files
from portatlas.contexts.reservations.exchange.faults import BadFileError
from portatlas.contexts.reservations.models import Reservation
from tests.portatlas.contexts.reservations.exported import told, write


def an_export(*ports, **members) -> dict:
    return {
        "version": "1.0.0",
        "exportDate": "2025-08-03T10:00:00.000Z",
        "ports": [{"number": 3000, "projectName": "shop", **port} for port in ports],
        **members,
    }


def load(*ports, **members):
    data = json.dumps(an_export(*ports, **members)).encode()
    return files.load(data, host_id="atlas")


@pytest.mark.django_db
def test_its_ports_are_reserved_on_the_host_that_is_said():
    port = {"description": None, "tags": ["a", "B c"], "reservedAt": "2025-08-02T10:00:00.000Z"}

    write(an_export(port), host_id="web-1")

    reserved = Reservation.objects.get()
    assert (reserved.key, reserved.project) == (("web-1", "tcp", 3000), "shop")
    assert (reserved.description, reserved.tags) == ("", ["a", "b-c"])
    assert reserved.reserved_at == datetime(2025, 8, 2, 10, tzinfo=UTC)
    assert told() == [(3000, "reserved", "shop", "import")]


def test_the_other_columns_are_carried_over_or_told():
    content = load(
        {
            "status": "in-use",
            "pid": 42,
            "processName": "node",
            "lastSeenAt": "x",
            "updatedAt": "x",
            "autoRelease": 1,
            "tags": '["web"]',
            "metadata": '{"a": {"b": [1]}}',
            "owner\x1b": "me",
        },
        {"number": 3001, "status": "free"},
    )

    assert content.reservations == [
        {
            "host_id": "atlas",
            "protocol": "tcp",
            "port": 3000,
            "project": "shop",
            "tags": ["web"],
            "metadata": {"a": {"b": [1]}},
            "reserved_at": datetime(2025, 8, 3, 10, tzinfo=UTC),
            "auto_release": True,
        }
    ]
    assert content.remarks == (
        "ports[0]: lastSeenAt was seen then, and is left to what is seen now.",
        r"ports[0]: 'owner\x1b' is not known here, and left out.",
        "ports[0]: pid was seen then, and is left to what is seen now.",
        "ports[0]: processName was seen then, and is left to what is seen now.",
        "ports[0]: updatedAt was seen then, and is left to what is seen now.",
        "ports[1]: is free, and left out.",
    )


def test_names_that_can_not_be_here_are_cleaned_and_that_is_told():
    content = load(
        *(
            {"number": port, "projectName": "@my/shop (é)", "tags": ["A", "a", "é"]}
            for port in range(1, 6)
        )
    )

    assert {row["project"] for row in content.reservations} == {"my-shop"}
    assert {tuple(row["tags"]) for row in content.reservations} == {("a",)}
    assert content.remarks == (
        "ports[0], ports[1], ports[2] and 2 more: its project is called my-shop here.",
        "ports[0], ports[1], ports[2] and 2 more: its tags are made lower-case words.",
    )


@pytest.mark.parametrize(
    ("port", "fault"),
    [
        ({"number": "80"}, "number: A whole number was expected."),
        ({"number": None}, "number: it is missing."),
        ({"projectName": "日本"}, "projectName: A project's name has letters"),
        ({"projectName": ["shop"]}, "projectName: A text was expected."),
        ({"tags": "web"}, "tags: A list was expected."),
        ({"tags": [1]}, "tags: 1 is no tag"),
        ({"metadata": "[" * 5000}, "metadata: An object was expected."),
        ({"status": [], "reservedAt": "yesterday"}, "reservedAt: A time like"),
        ({"description": "\0"}, "description: It has characters that can't be printed."),
    ],
)
def test_what_can_not_be_is_a_fault_in_its_own_words(port, fault):
    with pytest.raises(BadFileError) as error:
        load({}, {"number": 3001} | port)

    [told] = error.value.lines
    assert told.startswith(f"ports[1].{fault}")


@pytest.mark.parametrize("ports", [None, {}, "80"])
def test_ports_that_are_no_list_are_a_fault(ports):
    with pytest.raises(BadFileError, match="ports: a list was expected"):
        load(ports=ports)


def test_a_port_that_is_said_twice_is_a_fault():
    with pytest.raises(BadFileError, match=r"ports\[1\]: 3000/tcp on atlas is reserved by ports"):
        load({}, {})
