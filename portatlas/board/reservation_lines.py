"""The history of reservations, a line each, as the pages of ports and of projects tell it."""

from datetime import datetime
from typing import Any, NamedTuple

from django.urls import reverse

from collector.text import safe
from portatlas.contexts.reservations.models import ReservationEvent
from portatlas.contexts.reservations.values import named
from portatlas.words import ago

LONGEST = 200  # characters of what a line tells beside


class Line(NamedTuple):
    """A line of the history."""

    when: str
    iso: str
    action: str
    name: str  # of the port, where the page is of many
    project: str
    link: str  # of the project
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
        reverse("project", args=[event.project]) if event.project else "",
        _who(event),
        _details(event.details),
    )


def _who(event: ReservationEvent) -> str:
    if event.performed_by:
        return f"by {event.performed_by}"
    return f"seen on {event.seen_on}" if event.seen_on else ""


def _details(details: dict[str, Any]) -> str:
    """Say what a line tells beside: why, what changed, and whatever else it was given."""
    told = []
    for name, value in details.items():
        if name == "why":
            told.append(str(value))
        elif name == "changes" and isinstance(value, dict):
            told += [f"{_called(field)} {_change(change)}" for field, change in value.items()]
        elif value not in (None, "", [], {}):
            told.append(f"{_called(name)} {value}")
    return safe(", ".join(told), LONGEST)


def _called(name: str) -> str:
    return name.replace("_", " ")


def _change(change: Any) -> str:
    old, new = change if isinstance(change, list) and len(change) == 2 else ("", change)
    return f"{old or 'nothing'} → {new or 'nothing'}"
