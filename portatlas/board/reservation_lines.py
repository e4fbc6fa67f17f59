"""The history of reservations, a line each, as the pages of ports and of projects tell it."""

from datetime import datetime
from typing import NamedTuple

from collector.text import safe
from portatlas.contexts.reservations.models import ReservationEvent
from portatlas.contexts.reservations.values import named
from portatlas.reserving.history_words import in_words
from portatlas.words import ago

LONGEST = 200  # characters of what a line tells beside


class Line(NamedTuple):
    """A line of the history."""

    when: str
    iso: str
    action: str
    name: str  # of the port, where the page is of many
    project: str
    who: str
    details: str


def line(event: ReservationEvent, now: datetime) -> Line:
    """Say a line of the history."""
    return Line(
        ago(event.at, now),
        event.at.isoformat(),
        event.get_action_display().capitalize(),
        named(event.key),
        event.project,
        _who(event),
        safe(in_words(event.details), LONGEST),
    )


def _who(event: ReservationEvent) -> str:
    if event.performed_by:
        return f"by {event.performed_by}"
    return f"seen on {event.seen_on}" if event.seen_on else ""
