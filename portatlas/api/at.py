"""`?at=`: what was on ports at a time, as far as anybody knows."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from collector.models import Host
from portatlas import past
from portatlas.api.asking import time_of
from portatlas.api.problems import InvalidParameter
from portatlas.api.rows import PortRow, iso, rows
from portatlas.intervals import Look
from portatlas.models import Port
from portatlas.past import Past
from portatlas.querysets import PortQuerySet

AT = OpenApiParameter(
    "at",
    OpenApiTypes.DATETIME,
    description=(
        "A time that is over. Each port then tells whether it was up or down then, or that this "
        "is unknown, and who held it; what cannot be known of then is null. Filters by what a "
        "port is today are refused; those by its key and its note choose."
    ),
)
LOOK = OpenApiParameter(
    "look",
    enum=[look.value for look in Look],
    description="Only ports that were so at the time that `at` says, ordered by their keys.",
)
# What chooses among ports without saying how they are today.
CHOOSING = {
    *("at", "look", "limit", "offset"),
    *("host_id", "protocol", "port", "port_range_min", "port_range_max", "well_known"),
    *("noted", "for_every_host", "owner", "tag", "service_type", "risk_level"),
    *("expected_scope", "stale", "first_seen_since", "first_seen_before"),
}
# What of a port is the same at any time, or what people say of it today.
LASTING = {"host_id", "protocol", "port", "well_known", "first_seen_at", "note"}
STATES = {Look.UP: "active", Look.DOWN: "disappeared", Look.UNKNOWN: None}


def asked_at(request, now: datetime) -> datetime | None:
    """Return the time that is asked about, None for now. Raises InvalidParameter."""
    then = time_of(request.query_params, "at")
    if then and then > now:
        raise InvalidParameter({"at": [f"That is still to come: it is {iso(now)} now."]})
    return then


def asked_look(request, then: datetime | None) -> Look | None:
    """Return what ports have to have been then, None for whatever. Raises InvalidParameter."""
    said = request.query_params.get("look")
    if then is None:
        if said is not None:
            raise InvalidParameter({"look": ["It is of the time that `at` says: say that too."]})
        return None
    if of_today := sorted(request.query_params.keys() - CHOOSING):
        message = f"It is of today. With `at` choose by {', '.join(sorted(CHOOSING))}."
        raise InvalidParameter({name: [message] for name in of_today})
    if said is not None and said not in set(Look):
        raise InvalidParameter({"look": [f"It is one of {', '.join(Look)}."]})
    return said and Look(said)


class Then:
    """The ports that were so at a time, as a paginator takes them. Each is read for that."""

    def __init__(self, ports: PortQuerySet, look: Look, then: datetime, now: datetime):
        self.now = now
        hosts = Host.objects.in_bulk()
        found = past.looks(ports.order_by("host_id", "port", "protocol"), hosts, then, now)
        self.keys = [port.pk for port, each in found if each == look]

    def count(self) -> int:
        return len(self.keys)

    def __getitem__(self, part: slice) -> list[PortRow]:
        keys = self.keys[part]
        found = {row.pk: row for row in rows(Port.objects.for_board(self.now).filter(pk__in=keys))}
        return [found[pk] for pk in keys if pk in found]


def as_of(page: Sequence[PortRow], then: datetime, now: datetime) -> list[dict[str, Any]]:
    """Return ports as they were at a time, in seven queries at most, however many there are."""
    keys = [row.pk for row in page]
    ports = list(Port.objects.select_related("host").filter(pk__in=keys)) if keys else []
    found = past.of_all(ports, then, now) if ports else {}
    missing = Past(then, Look.UNKNOWN)
    return [_as_of(row, found.get(row.pk, missing)) for row in page]


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
