"""Reservations as a command prints them: in a sentence, in a table, and as JSON."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from collector.models import PortRuntime
from portatlas.contexts.reservations.models import HOLDER, Reservation
from portatlas.contexts.reservations.values import named
from portatlas.models import Booking
from portatlas.terminal.door import Door
from portatlas.terminal.screen import plain, prose

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


def occupant(port: PortRuntime) -> str:
    """Name what listens on a port, and where."""
    name = port.process_name or "a program that can't be seen"
    pid = f" (PID {port.current_pid})" if port.current_pid else ""
    return f"{name}{pid} on {port.host_id}"


def ports(count: int) -> str:
    return f"{count:,} port" if count == 1 else f"{count:,} ports"


def status(booking: Booking) -> Text:
    return plain(booking.status.value, STYLES[booking.status.value])


def show(
    command: Door, options: dict[str, Any], *things: Text | Table | str, rest: str = ""
) -> None:
    """Print things, each from a line of its own on, and what is to be said of the rest."""
    told = [prose(each) if isinstance(each, str) else each for each in things]
    told += ["", prose(rest, "dim")] if rest else []
    command.say(command.screen(options).text(*told))


def table(bookings: Sequence[Booking]) -> Table:
    """Return reservations with their status, a line for each."""
    drawn = new_table(*HEADINGS)
    for each in bookings:
        drawn.add_row(
            status(each),
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
