"""Notes by their keys, many at once: put, patched and deleted, all of them or none."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from django.db import IntegrityError, transaction
from simple_history.utils import bulk_create_with_history, bulk_update_with_history

from notes.models import PortNote
from notes.services import INHERITED, Key, NoteChangedError, erase, next_versions

MOST = 1000  # notes at once
ATTEMPTS = 5
OVERTAKEN = "Others keep writing the same notes at the same moments."


class Verb(StrEnum):
    CREATE = "create"  # only where there is none
    PUT = "put"  # it says this and nothing else, whether it was there or not
    PATCH = "patch"  # of what is there this is another
    DELETE = "delete"


class Result(StrEnum):
    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    MISSING = "missing"  # there is nothing to patch or to delete
    TAKEN = "taken"  # there is one already
    UNFIT = "unfit"  # the version that is there is not the one that was asked for


REFUSED = {Result.MISSING, Result.TAKEN, Result.UNFIT}


def whatever(version: int) -> bool:
    """Fit every version: the last writer wins."""
    return True


@dataclass(frozen=True, slots=True)
class Order:
    """
    What to do with the note of one port.

    `values` are of fields in `INHERITED`, and valid. `fits` is asked about the version that is
    there, 0 where there is no note.
    """

    verb: Verb
    key: Key
    values: dict[str, Any] = field(default_factory=dict)
    fits: Callable[[int], bool] = whatever


class Outcome(NamedTuple):
    """
    What came of an order: the note as it is now, or would be, and its version, 0 for none.

    `fields` are those that say something else than before.
    """

    result: Result
    note: PortNote | None
    version: int
    fields: tuple[str, ...] = ()

    @property
    def is_refused(self) -> bool:
        return self.result in REFUSED


def carry_out(
    orders: Iterable[Order], *, by, at: datetime, why: str | None = None, dry_run: bool = False
) -> list[Outcome]:
    """
    Do what is ordered, each key once, in the name of a user, and return what came of each order.

    If one is refused nothing is written; `dry_run` writes nothing in any case. `why` stands in
    the history. What is already as it was ordered is not written and begins no version.

    Raises ValueError for more than `MOST` orders or a key that comes twice, NoteChangedError if
    others kept writing the same notes at the same moments.
    """
    orders = list(orders)
    if len(orders) > MOST or len({order.key for order in orders}) < len(orders):
        raise ValueError(f"At most {MOST} notes are written at once, each of them once.")
    if dry_run:
        return _plan(orders, _notes(orders), by=by)
    for _attempt in range(ATTEMPTS):
        try:
            return _carry_out(orders, by=by, at=at, why=why)
        except IntegrityError as exc:  # somebody made one of the new notes at the same moment
            taken = exc
    raise NoteChangedError(OVERTAKEN) from taken


@transaction.atomic
def _carry_out(orders: list[Order], *, by, at: datetime, why: str | None) -> list[Outcome]:
    planned = _plan(orders, _notes(orders, lock=True), by=by)
    if any(outcome.is_refused for outcome in planned):
        return planned
    of_result: dict[Result, list[PortNote]] = {result: [] for result in Result}
    for outcome in planned:
        of_result[outcome.result].append(outcome.note)
    if gone := of_result[Result.DELETED]:
        erase(gone, by=by, at=at, why=why)
    if new := of_result[Result.CREATED]:
        new.sort(key=lambda note: note.key)  # one order for all, as below
        versions = next_versions([note.key for note in new])
        for note in new:
            note.version = versions[note.key]
        bulk_create_with_history(
            new, PortNote, default_user=by, default_change_reason=why, default_date=at
        )
    if changed := of_result[Result.CHANGED]:
        for note in changed:
            note.updated_by, note.updated_at = by, at
        fields = {name for outcome in planned for name in outcome.fields}
        bulk_update_with_history(
            changed,
            PortNote,
            [*sorted(fields), "updated_by", "updated_at", "version"],
            default_user=by,
            default_change_reason=why,
            default_date=at,
        )
    return [
        outcome._replace(version=outcome.note.version)
        if outcome.result == Result.CREATED
        else outcome
        for outcome in planned
    ]


def _notes(orders: list[Order], *, lock: bool = False) -> dict[Key, PortNote]:
    """Return the notes that there are about these ports."""
    keys = {order.key for order in orders}
    around = PortNote.objects.filter(
        host_id__in={key[0] for key in keys}, port__in={key[2] for key in keys}
    )
    numbers = around.order_by().values_list("pk", "host_id", "protocol", "port")
    found = PortNote.objects.filter(pk__in=[row[0] for row in numbers if row[1:] in keys])
    if lock:
        # In one order, whoever asks: two who want the same notes wait, but not for each other.
        found = found.order_by("pk").select_for_update()
    return {note.key: note for note in found if note.key in keys}


def _plan(orders: list[Order], notes: Mapping[Key, PortNote], *, by) -> list[Outcome]:
    return [_outcome(order, notes.get(order.key), by=by) for order in orders]


def _outcome(order: Order, note: PortNote | None, *, by) -> Outcome:
    """Say what comes of an order, and make of the note what it will be."""
    version = note.version if note else 0
    if note is None and order.verb in {Verb.PATCH, Verb.DELETE}:
        return Outcome(Result.MISSING, None, 0)
    if note is not None and order.verb == Verb.CREATE:
        return Outcome(Result.TAKEN, note, version)
    if not order.fits(version):
        return Outcome(Result.UNFIT, note, version)
    if order.verb == Verb.DELETE:
        return Outcome(Result.DELETED, note, 0)
    return _written(order, note, by=by)


def _written(order: Order, note: PortNote | None, *, by) -> Outcome:
    if note is None:
        host_id, protocol, port = order.key
        made = PortNote(host_id=host_id, protocol=protocol, port=port, **order.values)
        made.created_by = made.updated_by = by
        return Outcome(Result.CREATED, made, 0)
    values = (_defaults() if order.verb == Verb.PUT else {}) | order.values
    fields = tuple(name for name, value in values.items() if getattr(note, name) != value)
    if not fields:
        return Outcome(Result.UNCHANGED, note, note.version)
    for name in fields:
        setattr(note, name, values[name])
    note.version += 1
    return Outcome(Result.CHANGED, note, note.version, fields)


def _defaults() -> dict[str, Any]:
    return {name: PortNote._meta.get_field(name).get_default() for name in INHERITED}
