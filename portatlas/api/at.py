"""`?at=`: what was on ports at a time, as far as anybody knows."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from portatlas import past
from portatlas.api.asking import time_of
from portatlas.api.problems import InvalidParameter
from portatlas.api.rows import PortRow, iso
from portatlas.intervals import Look
from portatlas.models import Port
from portatlas.past import Past

AT = OpenApiParameter(
    "at",
    OpenApiTypes.DATETIME,
    description=(
        "A time that is over. Each port then tells whether it was up or down then, or that this "
        "is unknown, and who held it; what cannot be known of then is null."
    ),
)
# What of a port is the same at any time, or what people say of it today.
LASTING = {"host_id", "protocol", "port", "well_known", "first_seen_at", "note"}
STATES = {Look.UP: "active", Look.DOWN: "disappeared", Look.UNKNOWN: None}


def asked_at(request, now: datetime) -> datetime | None:
    """Return the time that is asked about, None for now. Raises InvalidParameter."""
    then = time_of(request.query_params, "at")
    if then and then > now:
        raise InvalidParameter({"at": [f"That is still to come: it is {iso(now)} now."]})
    return then


def as_of(rows: Sequence[PortRow], then: datetime, now: datetime) -> list[dict[str, Any]]:
    """Return ports as they were at a time, in seven queries at most, however many there are."""
    keys = [row.pk for row in rows]
    ports = list(Port.objects.select_related("host").filter(pk__in=keys)) if keys else []
    found = past.of_all(ports, then, now) if ports else {}
    missing = Past(then, Look.UNKNOWN)
    return [_as_of(row, found.get(row.pk, missing)) for row in rows]


def _as_of(row: PortRow, found: Past) -> dict[str, Any]:
    told = {name: value if name in LASTING else None for name, value in row.as_json().items()}
    if found.holder:
        told |= found.holder._asdict()
    return told | {
        "current_state": STATES[found.look],
        "then": {
            "at": iso(found.moment),
            "look": found.look,
            "since": iso(found.since),
            "until": iso(found.until),
            "reason": found.reason,
        },
    }
