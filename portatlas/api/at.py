"""`?at=`: what was on ports at a time, as far as anybody knows."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter

from collector.models import Host
from notes.models import EVERY_HOST
from notes.services import INHERITED
from portatlas import past
from portatlas.api.asking import time_of
from portatlas.api.filters import PortFilter
from portatlas.api.problems import InvalidParameter
from portatlas.api.rows import PortRow, rows
from portatlas.api.rules import Rule
from portatlas.intervals import Look
from portatlas.models import KEY, Port
from portatlas.moment import iso
from portatlas.past import Past
from portatlas.querysets import PortQuerySet
from portatlas.retrospect import TOO_MUCH, Retrospect

AT = OpenApiParameter(
    "at",
    OpenApiTypes.DATETIME,
    examples=[OpenApiExample("An afternoon", "2026-01-01T14:00:00Z")],
    description=(
        "A time that is over. Each port then tells whether it was up or down then, or that this "
        "is unknown, who held it, what its note said, also if that was changed or deleted since, "
        "and which state follows from these by the rules of today; what cannot be known of then "
        "is null, and `then.reason` says why. Of filters, those by the key of a port and by when "
        "it was first seen choose, and `state` and `look`, which are of that time; those by "
        "anything else that it is today, or that its note says today, are refused."
    ),
)
LOOK = OpenApiParameter(
    "look",
    enum=[look.value for look in Look],
    description="Only ports that were so at the time that `at` says, ordered by their keys.",
)
# What chooses among ports without saying how they are today.
CHOOSING = {
    *("at", "look", "state", "limit", "offset"),
    *("host_id", "protocol", "port", "port_range_min", "port_range_max", "well_known"),
    *("first_seen_since", "first_seen_before"),
}
# What of a port is the same at any time.
LASTING = {"host_id", "protocol", "port", "well_known", "first_seen_at"}
STATES = {Look.UP: "active", Look.DOWN: "disappeared", Look.UNKNOWN: None}


class FilterThen(PortFilter):
    """Which ports are looked at for a time: the state that they had is known only then."""

    def in_state(self, queryset, name, value):
        return queryset


def asked_at(request, now: datetime) -> datetime | None:
    """Return the time that is asked about, None for now. Raises InvalidParameter."""
    then = time_of(request.query_params, "at")
    if then and then > now:
        raise InvalidParameter(
            {"at": [f"That is still to come: it is {iso(now)} now."]}, Rule.TO_COME
        )
    return then


def asked_look(request, then: datetime | None) -> Look | None:
    """Return what ports have to have been then, None for whatever. Raises InvalidParameter."""
    said = request.query_params.get("look")
    if then is None:
        if said is not None:
            message = "It is of the time that `at` says: say that too."
            raise InvalidParameter({"look": [message]}, Rule.TOGETHER)
        return None
    if of_today := sorted(request.query_params.keys() - CHOOSING):
        message = f"It is of today. With `at` choose by {', '.join(sorted(CHOOSING))}."
        raise InvalidParameter({name: [message] for name in of_today}, Rule.TOGETHER)
    if said is not None and said not in set(Look):
        raise InvalidParameter({"look": [f"It is one of {', '.join(Look)}."]})
    return said and Look(said)


class Then:
    """
    The ports that were so at a time, as a paginator takes them. Each is read for that.

    Raises InvalidParameter where their states are asked for, and too much happened since.
    """

    def __init__(  # what they were, and among which of them
        self,
        ports: PortQuerySet,
        *,
        look: Look | None,
        states: Sequence[str],
        then: datetime,
        now: datetime,
    ):
        self.now = now
        in_order = ports.order_by("host_id", "port", "protocol")
        found = Retrospect(in_order, Host.objects.in_bulk(), then, now)
        if states and found.too_much:
            raise InvalidParameter({"state": [TOO_MUCH]}, Rule.TOO_MUCH)
        self.keys = [
            each.port.pk
            for each in found
            if not each.is_client
            and (look is None or each.look == look)
            and (not states or (each.stood and each.stood.state in states))
        ]

    def count(self) -> int:
        return len(self.keys)

    def __getitem__(self, part: slice) -> list[PortRow]:
        keys = self.keys[part]
        found = {row.pk: row for row in rows(Port.objects.for_board(self.now).filter(pk__in=keys))}
        return [found[pk] for pk in keys if pk in found]


def as_of(page: Sequence[PortRow], then: datetime, now: datetime) -> list[dict[str, Any]]:
    """Return ports as they were at a time, in nine queries at most, however many there are."""
    keys = [row.pk for row in page]
    ports = list(Port.objects.select_related("host").filter(pk__in=keys)) if keys else []
    found = past.of_all(ports, then, now) if ports else {}
    missing = Past(then, Look.UNKNOWN)
    return [_as_of(row, found.get(row.pk, missing)) for row in page]


def _as_of(row: PortRow, found: Past) -> dict[str, Any]:
    told = {name: value if name in LASTING else None for name, value in row.as_json().items()}
    if found.holder:
        told |= found.holder._asdict()
    if found.stood:
        told["state"], told["reason"] = found.stood.state, found.stood.reason
        told["is_client"] = found.stood.counts_as_client
    return told | {
        "current_state": STATES[found.look],
        "note": found.note and _note(found.note),
        "then": {
            "at": iso(found.moment),
            "look": found.look,
            "since": iso(found.since),
            "until": iso(found.until),
            "reason": found.reason,
        },
    }


def _note(line) -> dict[str, Any]:
    """Return what a line of the history of a note says, in the shape of a note."""
    said = {name: getattr(line, name) for name in (*KEY, *INHERITED)}
    return said | {
        "review_by": line.review_by and line.review_by.isoformat(),
        "version": None,
        "created_at": None,
        "updated_at": iso(line.history_date),
        "for_every_host": line.host_id == EVERY_HOST,
    }
