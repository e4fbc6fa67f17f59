"""A state of reservations, the file that it is, and the file read and written again."""

import json

from portatlas.contexts.reservations.exchange import document, files, services
from portatlas.contexts.reservations.models import (
    AllocationRule,
    Reservation,
    ReservationEvent,
)
from portatlas.contexts.reservations.services import Actor
from tests.conftest import NOON

IMPORTER = Actor("bob")


def dump(**asked) -> bytes:
    return "".join(document.written(services.collect(**asked), NOON)).encode()


def write(data, *, replace=False, at=NOON, host_id="atlas"):
    if isinstance(data, dict):
        data = json.dumps(data).encode()
    content = files.load(data, host_id=host_id)
    return services.write(content, replace=replace, by=IMPORTER, at=at)


def empty() -> None:
    Reservation.objects.all().delete()
    ReservationEvent.objects.all().forget()
    AllocationRule.objects.all().delete()


def a_file(*reservations, **members) -> dict:
    return {
        "format": document.FORMAT,
        "version": document.VERSION,
        "reservations": list(reservations),
        "rules": [],
        **members,
    }


def a_row(port=8000, **said) -> dict:
    return {
        "host_id": "atlas",
        "protocol": "tcp",
        "port": port,
        "project": "shop",
        "reserved_at": "2025-12-31T12:00:00Z",
        **said,
    }


def told() -> list[tuple]:
    """Return the history in the order in which it was written, without its times."""
    lines = ReservationEvent.objects.order_by("at", "pk")
    return [(each.port, each.action, each.project, each.details.get("why", "")) for each in lines]
