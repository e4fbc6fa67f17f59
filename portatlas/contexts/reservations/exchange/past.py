"""The history of reservations in a file, beside the one that is there."""

from collections import Counter
from collections.abc import Iterator, Sequence
from json import JSONEncoder
from typing import Any

from django.db.models import QuerySet

from portatlas.contexts.reservations import history
from portatlas.contexts.reservations.exchange.plan import Key
from portatlas.contexts.reservations.exchange.rows import LINE, Row
from portatlas.contexts.reservations.models import ReservationEvent
from portatlas.contexts.reservations.portions import MOST, portions

Action = ReservationEvent.Action
ENCODER = JSONEncoder(sort_keys=True)
HOLDS = {Action.RESERVED: True, Action.RENEWED: True, Action.RELEASED: False}


def lines(told: QuerySet) -> Iterator[Row]:
    """Yield lines in the order in which they were written, as they are asked for."""
    found = told.order_by("at", "pk").values_list(*LINE.columns)
    return map(LINE.row, found.iterator(chunk_size=MOST))


def missing(said: Sequence[Row]) -> list[Row]:
    """Return the lines that are not there, as often as they are said more often than there."""
    wanted = Counter(map(_frozen, said))
    there: dict[tuple[Any, ...], set[int]] = {}
    for some in portions(said):
        around = ReservationEvent.objects.filter(
            at__range=(some[0]["at"], some[-1]["at"]),
            host_id__in={line["host_id"] for line in some},
            port__in={line["port"] for line in some},
        )
        for pk, *values in around.order_by().values_list("pk", *LINE.columns):
            found = _frozen(LINE.row(values))
            if found in wanted:
                there.setdefault(found, set()).add(pk)
    left = []
    for line in said:
        these = there.get(_frozen(line))
        if these:
            these.pop()
        else:
            left.append(line)
    return left


def write(said: Sequence[Row]) -> None:
    for some in portions(said):
        history.write([ReservationEvent(**line) for line in some])


def holders(keys: Sequence[Key]) -> dict[Key, str]:
    """Return whose a port is by the last word of its history: a project's, or nobody's (“”)."""
    found = {}
    for some in portions(keys):
        told = ReservationEvent.objects.filter(
            host_id__in={each[0] for each in some},
            protocol__in={each[1] for each in some},
            port__in={each[2] for each in some},
            action__in=HOLDS,
        )
        rows = told.order_by("at", "pk").values_list(
            "host_id", "protocol", "port", "action", "project"
        )
        wanted = set(some)
        for *key, action, project in rows.iterator(chunk_size=MOST):
            if (port := tuple(key)) in wanted:
                found[port] = project if HOLDS[action] else ""
    return found


def _frozen(line: Row) -> tuple[Any, ...]:
    details = ENCODER.encode(line.get("details", {}))
    return (*(line.get(name, "") for name in LINE.columns if name != "details"), details)
