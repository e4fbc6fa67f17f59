"""Notes out of the database and into it: all of a file, or nothing."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from notes.batch import ATTEMPTS, MOST, Order, Verb, carry_out
from notes.exchange import entry
from notes.exchange.document import Document
from notes.exchange.entry import Entry
from notes.exchange.plan import Plan, compare
from notes.models import EVERY_HOST, PortNote
from notes.services import Key

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
    return _compared(entries, lock=False)


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
    is another by now.
    """
    terms = {"replace": replace, "by": by, "at": at, "reason": reason, "agreed": agreed}
    for _attempt in range(ATTEMPTS):
        try:
            return _write(entries, **terms)
        except _OvertakenError:
            continue
    raise NotWrittenError(look(entries))


class _OvertakenError(Exception):
    """Somebody wrote one of the new notes at the same moment: now it is there."""


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
    plan = _compared(entries, lock=True)
    is_other = agreed is not None and plan.digest != agreed
    if is_other or (plan.conflicts and not replace):
        raise NotWrittenError(plan)
    orders = [
        *(Order(Verb.CREATE, change.key, dict(change.values)) for change in plan.new),
        *(Order(Verb.PATCH, change.key, dict(change.values)) for change in plan.conflicts),
    ]
    for some in _chunks(orders):
        outcomes = carry_out(some, by=by, at=at, why=reason[:REASON])
        if any(outcome.is_refused for outcome in outcomes):
            raise _OvertakenError
    return plan


def _compared(entries: Sequence[Entry], *, lock: bool) -> Plan:
    """Return what would be done; while they are locked, the notes stay as they are."""
    said: dict[Key, Mapping[str, Any]] = {}
    rows = PortNote.objects.order_by("pk").only(*entry.FIELDS)
    for some in _chunks(entries):
        keys = {each.key for each in some}
        keys |= {(EVERY_HOST, *key[1:]) for key in keys}
        found = rows.filter(host_id__in={key[0] for key in keys}, port__in={key[2] for key in keys})
        if lock:
            found = found.select_for_update()
        said |= {note.key: entry.of_note(note).said for note in found if note.key in keys}
    return compare(entries, said)


def _chunks(items: Sequence) -> Iterator[Sequence]:
    for start in range(0, len(items), MOST):
        yield items[start : start + MOST]
