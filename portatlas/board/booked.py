"""The reservation of a port, as its page says it: how it stands, for whom it is, its history."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple, Self

from django.urls import reverse

from portatlas.board.reservation_lines import Line, line
from portatlas.bookings import Status
from portatlas.contexts.reservations import services
from portatlas.contexts.reservations.models import ReservationEvent
from portatlas.contexts.reservations.services import Key
from portatlas.contexts.reservations.values import EVERY_HOST
from portatlas.models import Booking, Port
from portatlas.reserved import holder, is_violated, until, whom
from portatlas.words import ago

LINES = 10  # of the history that a page tells
OTHERS = 20  # hosts of which it is told, where a port of every host is asked about

# The state whose look a status borrows.
LOOKS = {
    Status.VIOLATED: "suspicious",
    Status.IN_USE: "healthy",
    Status.STALE: "ghost",
    Status.RESERVED: "known",
    Status.FREE: "gone",
}
LABELS = {
    Status.VIOLATED: "Violated",
    Status.IN_USE: "In use",
    Status.STALE: "Stale",
    Status.RESERVED: "Reserved",
    Status.FREE: "Free",
}


class Stand(NamedTuple):
    """How a reservation stands: its status, how that is called and drawn, and what it means."""

    value: str
    label: str
    look: str
    meaning: str

    @classmethod
    def of(cls, status: Status) -> Self:
        return cls(status.value, LABELS[status], LOOKS[status], status.meaning)


class Said(NamedTuple):
    """Something that a reservation says, and what it is called."""

    name: str
    value: str


class Other(NamedTuple):
    """A reservation of the same number on one host, where every host is asked about."""

    name: str
    link: str
    project: str
    stand: Stand


class Booked(NamedTuple):
    """What is to be told of who may take a port."""

    booking: Booking | None
    stand: Stand
    project_link: str
    is_inherited: bool  # it is for every host, on the page of one
    facts: tuple[Said, ...]
    revision: str
    others: tuple[Other, ...]
    history: tuple[Line, ...]

    @property
    def is_own(self) -> bool:
        """Whether the very port that was asked about is reserved."""
        return self.booking is not None and not self.is_inherited

    @classmethod
    def of(cls, key: Key, port: Port | None, now: datetime) -> Self:
        """Read and tell how a port stands, seen or not, in two statements."""
        host_id, protocol, number = key
        rows = Booking.objects.about(key).with_status(now)[: OTHERS + 1]
        rows = [each for each in rows if not each.has_run_out(now)]
        booking = next((each for each in rows if each.host_id in {host_id, EVERY_HOST}), None)
        others = [each for each in rows[:OTHERS] if each is not booking]
        lines = ReservationEvent.objects.filter(
            host_id__in=[host_id, EVERY_HOST], protocol=protocol, port=number
        )
        status = _status(booking, port) if booking else Status.FREE
        is_anothers = status == Status.VIOLATED and port is not None
        held = (Said("Held by", holder(booking, port)),) if is_anothers else ()
        return cls(
            booking,
            stand=Stand.of(status),
            project_link=reverse("project", args=[booking.project]) if booking else "",
            is_inherited=booking is not None and booking.host_id != host_id,
            facts=(*held, *_facts(booking, now)) if booking else (),
            revision=services.revision(booking) if booking else "",
            others=tuple(map(_other, others)),
            history=tuple(line(each, now) for each in lines[:LINES]),
        )


def _status(booking: Booking, port: Port | None) -> Status:
    """Return how a reservation stands on the host of a port, if it is one for every host."""
    if port is None or not booking.is_for_every_host:
        return booking.status
    if is_violated(booking, port):
        return Status.VIOLATED
    if port.is_active:
        return Status.IN_USE
    return Status.STALE if booking.status == Status.STALE else Status.RESERVED


def _facts(booking: Booking, now: datetime) -> Iterator[Said]:
    by = f" by {booking.requested_by}" if booking.requested_by else ""
    if booking.description:
        yield Said("What for", booking.description)
    if who := whom(booking):
        yield Said("For", who)
    yield Said("Reserved", f"{booking.reserved_at:%F %H:%M} UTC{by}")
    if booking.renewed_at:
        yield Said("Renewed", ago(booking.renewed_at, now))
    if booking.expires_at:
        yield Said("Ends", f"{until(booking.expires_at, now)}, unless it is renewed")
    if booking.auto_release:
        yield Said("Released", "when the program that used it has ended")
    if booking.tags:
        yield Said("Tags", ", ".join(booking.tags))


def _other(booking: Booking) -> Other:
    return Other(
        booking.host_id,
        reverse("port", args=booking.key),
        booking.project,
        Stand.of(booking.status),
    )
