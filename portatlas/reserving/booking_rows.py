"""Reservations and their history as every door tells them: values that JSON has."""

from typing import Any

from portatlas.contexts.reservations.models import HOLDER, Reservation, ReservationEvent
from portatlas.moment import iso

KEY = ("host_id", "protocol", "port")
SAID = ("description", "tags", "metadata", "requested_by")
TIMES = ("reserved_at", "renewed_at", "expires_at")
OF_EVENT = ("performed_by", "seen_on", "details")


def as_json(booking: Reservation) -> dict[str, Any]:
    """Return a reservation; its status is None unless `with_status()` has told it."""
    return {
        **{name: getattr(booking, name) for name in KEY},
        "project": booking.project,
        "status": getattr(booking, "stands", None),
        **{name: getattr(booking, name) for name in SAID},
        **{name: iso(getattr(booking, name)) for name in TIMES},
        "auto_release": booking.auto_release,
        **{name: getattr(booking, name) for name in HOLDER},
        "pid": booking.pid,
    }


def history_as_json(event: ReservationEvent) -> dict[str, Any]:
    """Return a line of the history of a port."""
    return {
        **{name: getattr(event, name) for name in KEY},
        "action": event.action,
        "project": event.project,
        "at": iso(event.at),
        **{name: getattr(event, name) for name in OF_EVENT},
    }
