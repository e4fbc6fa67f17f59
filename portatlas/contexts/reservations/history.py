"""The history of reservations: lines are written once, and never again."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from portatlas.contexts.reservations.models import HOLDER, Reservation, ReservationEvent

RAN_OUT = "its lease ran out"
ENDED = "its process ended"
UNHELD = "its program listens no more"
# What is told of a reservation that is made, so that it is still known when it is over.
KEPT = ("description", "expires_at", "auto_release", *HOLDER, "pid")


def reserved(about: Reservation, *, at: datetime, by: str, why: str = "") -> ReservationEvent:
    """Return the line about a reservation that is made: what it is for, whose, and how long."""
    said = {name: getattr(about, name) for name in KEPT}
    return line(ReservationEvent.Action.RESERVED, about, at=at, by=by, why=why, **said)


def line(  # noqa: PLR0913  # a line tells as much
    action: str,
    about: Reservation,
    *,
    at: datetime,
    by: str = "",
    seen_on: str = "",
    why: str = "",
    **details: Any,
) -> ReservationEvent:
    """Return a line about a reservation, not yet written. What is empty is left out of it."""
    told = {"why": why, **details}
    return ReservationEvent(
        host_id=about.host_id,
        protocol=about.protocol,
        port=about.port,
        action=action,
        project=about.project,
        at=at,
        performed_by=by,
        seen_on=seen_on,
        details=_plain({name: value for name, value in told.items() if value}),
    )


def write(lines: Iterable[ReservationEvent]) -> None:
    ReservationEvent.objects.bulk_create(lines)


def _plain(value: dict) -> dict:
    """Return values as JSON has them: times as text."""
    return json.loads(json.dumps(value, cls=DjangoJSONEncoder))
