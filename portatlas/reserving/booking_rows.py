"""Reservations and their history as every door tells them: values that JSON has."""

from datetime import datetime
from typing import Any

from portatlas.bookings import Status
from portatlas.contexts.reservations.models import HOLDER, Reservation, ReservationEvent
from portatlas.models import Booking
from portatlas.moment import iso

KEY = ("host_id", "protocol", "port")
SAID = ("description", "tags", "metadata", "requested_by")
TIMES = ("reserved_at", "renewed_at", "expires_at")
OF_EVENT = ("performed_by", "seen_on", "details")


def written(reservation: Reservation, at: datetime) -> dict[str, Any]:
    """Return a reservation that was just written, and how it stands, in one statement."""
    return as_json(Booking.objects.with_status(at).get(pk=reservation.pk))


def given(reservation: Reservation) -> dict[str, Any]:
    """Return a reservation of a port that was given because nothing was there."""
    reservation.stands = Status.RESERVED.value
    return as_json(reservation)


def as_json(booking: Reservation) -> dict[str, Any]:
    """Return a reservation whose status is told, as `with_status()` does."""
    return {
        **{name: getattr(booking, name) for name in KEY},
        "project": booking.project,
        "status": booking.stands,
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
