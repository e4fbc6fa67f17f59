"""Reservations as a command prints them: in a sentence, in a table, and as JSON."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.table import Table

from portatlas.contexts.reservations.models import HOLDER, Reservation
from portatlas.contexts.reservations.values import named
from portatlas.models import Booking
from portatlas.terminal.screen import plain

STYLES = {"violated": "red", "in-use": "green", "stale": "yellow", "reserved": ""}
LONGEST = 80  # characters of a name, so that a long one takes nothing from the others
HEADINGS = ("status", "port", "host", "project", "for", "by", "until", "what")


def sentence(verb: str, reservation: Reservation) -> str:
    """Say what became of a reservation, as `Reserved 80/tcp on atlas for shop.`"""
    until = reservation.expires_at
    limit = f" until {until:%F %T} UTC" if until else ""
    return f"{verb} {named(reservation.key)} for {reservation.project}{limit}."


def holder(reservation: Reservation) -> str:
    """Say for whom it is, "" if anybody may have it."""
    words = [getattr(reservation, name) for name in HOLDER]
    return ", ".join(
        [*filter(None, words), *([f"PID {reservation.pid}"] if reservation.pid else ())]
    )


def table(bookings: Sequence[Booking]) -> Table:
    """Return reservations with their status, a line for each."""
    drawn = new_table(*HEADINGS)
    for each in bookings:
        drawn.add_row(
            plain(each.status.value, STYLES[each.status.value]),
            plain(f"{each.port}/{each.protocol}", "bold"),
            *(
                plain(text, longest=LONGEST)
                for text in (each.host_id, each.project, holder(each), each.requested_by)
            ),
            plain(minute(each.expires_at)),
            plain(each.description, "dim", LONGEST),
        )
    return drawn


def new_table(*headings: str) -> Table:
    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for heading in headings:
        drawn.add_column(heading, overflow="ellipsis", no_wrap=heading in {"status", "port"})
    return drawn


def minute(moment: datetime | None) -> str:
    return f"{moment:%F %H:%M}" if moment else ""


def as_text(value: Any) -> str:
    """Return what `booking_rows` tells as JSON for a program."""
    return json.dumps(value, indent=2) + "\n"
