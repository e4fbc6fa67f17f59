"""Notes out of the database and into it: all of a file, or nothing."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from notes.batch import ATTEMPTS, MOST, OVERTAKEN, Order, Verb, carry_out
from notes.exchange import entry
from notes.exchange.document import Document
from notes.exchange.entry import Entry
from notes.exchange.plan import Plan, compare
from notes.models import EVERY_HOST, PortNote
from notes.services import Key, NoteChangedError

REASON = 100  # characters that the history keeps of why


class NotWrittenError(Exception):
    """Nothing was written: `plan` has conflicts, or is not the one that was agreed to."""

    def __init__(self, plan: Plan):
        super().__init__("Nothing was written.")
        self.plan = plan


def collect(notes) -> Document:
    """Return the notes of a query as a document, in the order of their keys."""
    rows = notes.order_by().select_related(None).only(*entry.FIELDS)
    entries = (entry.of_note(note) for note in rows.iterator(chunk_size=MOST))
    return Document(tuple(sorted(entries, key=lambda each: each.key)))


def look(entries: Sequence[Entry]) -> Plan:
    """Return what writing these would do; one statement for each `MOST` of them."""
    said: dict[Key, Mapping[str, Any]] = {}
    for some in _chunks(entries):
        keys = {each.key for each in some}
        keys |= {(EVERY_HOST, *key[1:]) for key in keys}
        found = _around(keys).only(*entry.FIELDS)
        said |= {note.key: entry.of_note(note).said for note in found if note.key in keys}
    return compare(entries, said)


def write(  # noqa: PLR0913  # what is written, how, by whom and why
    entries: Sequence[Entry],
    *,
    replace: bool,
    by,
    at: datetime,
    reason: str,
    agreed: str | None = None,
) -> Plan:
    """
    Write what a file says, in one transaction: what is new, and with `replace` what differs.

    What the file doesn't name is left alone. `agreed` is the digest of the plan that somebody has
    looked at. A constant number of batched statements for each `MOST` notes.

    Raises NotWrittenError where something differs and nothing may be replaced, or where the plan
    is another by now; NoteChangedError if others kept writing the same notes at the same moments.
    """
    terms = {"replace": replace, "by": by, "at": at, "reason": reason, "agreed": agreed}
    for _attempt in range(ATTEMPTS):
        try:
            return _write(entries, **terms)
        except NoteChangedError as exc:  # what was new when it was looked at is there by now
            overtaken = exc
    raise overtaken


@transaction.atomic
def _write(  # noqa: PLR0913  # as above
    entries: Sequence[Entry],
    *,
    replace: bool,
    by,
    at: datetime,
    reason: str,
    agreed: str | None,
) -> Plan:
    if replace:
        _lock(entries)
    plan = look(entries)
    is_other = agreed is not None and plan.digest != agreed
    if is_other or (plan.conflicts and not replace):
        raise NotWrittenError(plan)
    orders = [
        *(Order(Verb.CREATE, change.key, dict(change.values)) for change in plan.new),
        *(Order(Verb.PATCH, change.key, dict(change.values)) for change in plan.conflicts),
    ]
    orders.sort(key=lambda order: order.key)  # one order for all imports, as in `_lock`
    for some in _chunks(orders):
        outcomes = carry_out(some, by=by, at=at, why=reason[:REASON])
        if any(outcome.is_refused for outcome in outcomes):
            raise NoteChangedError(OVERTAKEN)
    return plan


def _lock(entries: Sequence[Entry]) -> None:
    """
    Let the notes that a file names stay as they are until we are done.

    They are locked in one order, whoever asks and however long the file is: two imports of the
    same notes wait, but not for each other.
    """
    numbers: list[int] = []
    for some in _chunks(entries):
        keys = {each.key for each in some}
        found = _around(keys).values_list("pk", "host_id", "protocol", "port")
        numbers += [row[0] for row in found if row[1:] in keys]
    for these in _chunks(sorted(numbers)):
        rows = PortNote.objects.filter(pk__in=these).order_by("pk").select_for_update()
        list(rows.values_list("pk"))


def _around(keys: set[Key]):
    """Return the notes about these ports, and others that share a host and a port with them."""
    return PortNote.objects.order_by().filter(
        host_id__in={key[0] for key in keys}, port__in={key[2] for key in keys}
    )


def _chunks(items: Sequence) -> Iterator[Sequence]:
    for start in range(0, len(items), MOST):
        yield items[start : start + MOST]
