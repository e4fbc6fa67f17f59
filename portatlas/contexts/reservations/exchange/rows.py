"""
What a file says of a reservation, a rule or a line of history: one row each, and its checks.

A row has what is not as it is anyway, so that equal rows say the same. What may stand in a column
is what the table takes: it is asked, so that nothing is said twice.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import models

from portatlas.contexts.reservations import values
from portatlas.contexts.reservations.exchange.columns import Column
from portatlas.contexts.reservations.exchange.faults import Fault
from portatlas.contexts.reservations.models import (
    HOLDER,
    AllocationRule,
    Reservation,
    ReservationEvent,
)

KEY = ("host_id", "protocol", "port")

Row = dict[str, Any]


class Kind(NamedTuple):
    """What rows of a kind are made of."""

    columns: Mapping[str, Column]

    @classmethod
    def of(cls, fields: Mapping[str, models.Field], needed: Iterable[str], **checks) -> "Kind":
        return cls(
            {
                name: Column(field, field.get_default(), name in needed, checks.get(name, ()))
                for name, field in fields.items()
            }
        )

    def row(self, found: Iterable[Any]) -> Row:
        """Return a row of what the columns have, in their order."""
        return {
            name: value
            for (name, column), value in zip(self.columns.items(), found, strict=True)
            if column.is_needed or value != column.default
        }

    def read(self, place: str, raw: Any, faults: list[Fault]) -> Row | None:
        """Return the row that an object of JSON is; None if there is a fault in it."""
        if not isinstance(raw, dict):
            faults.append(Fault(place, "an object was expected."))
            return None
        before = len(faults)
        faults += [
            Fault(f"{place}.{_name(name)}", "this is not known here.")
            for name in raw
            if name not in self.columns
        ]
        row: Row = {}
        for name, column in self.columns.items():
            if name not in raw:
                if column.is_needed:
                    faults.append(Fault(f"{place}.{name}", "it is missing."))
                continue
            try:
                value = column.read(raw[name])
            except ValidationError as exc:
                faults.append(Fault(f"{place}.{name}", " ".join(exc.messages)))
            else:
                if column.is_needed or value != column.default:
                    row[name] = value
        return row if len(faults) == before else None


def _name(name: str) -> str:
    """Return a name that a stranger chose, as a terminal may show it."""
    return name[:50] if name.isprintable() else ascii(name[:50])


def _columns(model: type[models.Model], *names: str) -> dict[str, models.Field]:
    return {name: model._meta.get_field(name) for name in names}


RESERVATION = Kind.of(
    _columns(
        Reservation,
        *KEY,
        *("project", "description", "tags", "metadata", "requested_by"),
        *("reserved_at", "renewed_at", "expires_at", "auto_release"),
        *HOLDER,
        *("pid", "pid_started_at", "pid_seen_in"),
    ),
    {*KEY, "project", "reserved_at"},
)
RULE = Kind.of(
    _columns(AllocationRule, "first", "last", "host_id", "protocol", "project")
    | {"team": Group._meta.get_field("name")}
    | _columns(AllocationRule, "reason"),
    {"first", "last", "host_id"},
)
LINE = Kind.of(
    _columns(
        ReservationEvent,
        *("at", *KEY, "action", "project", "performed_by", "seen_on", "details"),
    ),
    {"at", *KEY, "action"},
    details=(values.details,),
)
