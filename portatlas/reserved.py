"""Reservations on the cards of ports: by whom, for whom, until when, and who holds it instead."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Exists, OuterRef, Q
from django.urls import reverse
from django.utils.text import Truncator

from collector.sweep import OwnerState
from portatlas.bookings import Status
from portatlas.contexts.reservations.models import HOLDER, Reservation
from portatlas.contexts.reservations.values import EVERY_HOST
from portatlas.facet import Shown
from portatlas.models import Booking, Port
from portatlas.words import clock

LONGEST = 60  # characters of a name in a sentence
UNTOLD = ("description", "tags", "metadata")  # what a card does not tell


def read(ports: Sequence[Port], now: datetime) -> dict[int, Booking]:
    """Return the reservations that hold of ports, by their primary keys, in one statement."""
    keys = {port.pk: (port.host_id, port.protocol, port.port) for port in ports}
    rows = Booking.objects.about_any(keys.values()).with_status(now).defer(*UNTOLD)
    found = {each.key: each for each in rows.order_by() if not each.has_run_out(now)}
    by_port = {pk: found.get(key) or found.get((EVERY_HOST, *key[1:])) for pk, key in keys.items()}
    return {pk: booking for pk, booking in by_port.items() if booking}


def draw(booking: Booking, port: Port, now: datetime) -> Shown:
    """Say it in a line of a card."""
    is_bad = is_violated(booking, port)
    against = f"for {whom(booking)}, held by {holder(booking, port)}" if is_bad else ""
    end = f"· {until(booking.expires_at, now)}" if booking.expires_at else ""
    return Shown(
        "Reserved",
        before="by",
        word=booking.project,
        link=reverse("project", args=[booking.project]),
        after=" ".join(filter(None, [against, end])),
        is_bad=is_bad,
    )


def find(word: str) -> Q:
    """Return whether a port is reserved by a project whose name has a word in it."""
    about = Reservation.objects.order_by().filter(
        host_id__in=[OuterRef("host_id"), EVERY_HOST],
        protocol=OuterRef("protocol"),
        port=OuterRef("port"),
        project__icontains=word,
    )
    return Q(Exists(about))


def is_violated(booking: Booking, port: Port) -> bool:
    """
    Whether it is on this port that somebody else holds what is reserved.

    The status of a reservation for every host tells it of any host. Such a one names no process.
    """
    if not booking.is_for_every_host:
        return booking.status == Status.VIOLATED
    is_known = port.is_active and port.owner_state == OwnerState.KNOWN
    return is_known and any(
        getattr(booking, name) not in {"", getattr(port, name)} for name in HOLDER
    )


def whom(booking: Reservation) -> str:
    """Say whom a port is reserved for; "" for whoever comes."""
    pid = f"process {booking.pid}" if booking.pid else ""
    return _named(booking, pid)


def holder(booking: Reservation, port: Port) -> str:
    """Name who holds a port, as closely as the reservation says whom it is for."""
    said = {name: getattr(port, name) if getattr(booking, name) else "" for name in HOLDER}
    said["process_name"] = port.process_name or "a program without a name"
    return _named(Reservation(**said), "")


def until(then: datetime, now: datetime) -> str:
    """
    Say until when something holds: the day, with its year if that is another; the time today.

    >>> until(datetime(2026, 11, 24, 18), datetime(2026, 11, 22))
    'until 24 Nov'
    >>> until(datetime(2027, 2, 1), datetime(2026, 11, 22))
    'until 1 Feb 2027'
    >>> until(datetime(2026, 11, 22, 18), datetime(2026, 11, 22))
    'until 18:00 UTC'
    """
    if then.date() == now.date():
        return f"until {clock(then, now)}"
    year = f" {then.year}" if then.year != now.year else ""
    return f"until {then.day} {then:%b}{year}"


def _named(who: Reservation, pid: str) -> str:
    parts = (
        who.process_name,
        f"as {who.user}" if who.user else "",
        f"in {who.unit}" if who.unit else "",
        f"in the container {who.container_name}" if who.container_name else "",
        pid,
    )
    return " ".join(Truncator(part).chars(LONGEST) for part in parts if part)
