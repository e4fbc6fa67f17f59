"""Notes out of the database and into it: all of a file, or nothing."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from django.db import IntegrityError, transaction
from simple_history.utils import bulk_create_with_history, bulk_update_with_history

from notes.exchange import entry
from notes.exchange.document import Document
from notes.exchange.entry import Entry
from notes.exchange.plan import Change, Plan, compare
from notes.models import EVERY_HOST, PortNote
from notes.services import INHERITED, MOST, Key, _next_versions

REASON = 100  # characters that the history keeps of why


class NotWrittenError(Exception):
    """Nothing was written: `plan` has conflicts, or is not the one that was agreed to."""

    def __init__(self, plan: Plan):
        super().__init__("Nothing was written.")
        self.plan = plan


def collect(notes) -> Document:
    """Return the notes of a query as a document, in the order of their keys."""
    rows = notes.order_by().only(*entry.FIELDS).iterator(chunk_size=MOST)
    entries = (entry.of_note(note) for note in rows)
    return Document(tuple(sorted(entries, key=lambda each: each.key)))


def look(entries: Sequence[Entry]) -> Plan:
    """Return what writing these would do; one statement for each `MOST` of them."""
    return _compared(entries, lock=False)[0]


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
    try:
        return _write(entries, **terms)
    except IntegrityError:
        # Somebody wrote one of the new notes at the same moment: now it is there.
        return _write(entries, **terms)


@transaction.atomic
def _write(  # noqa: PLR0913  # what is written, how, by whom and why
    entries: Sequence[Entry],
    *,
    replace: bool,
    by,
    at: datetime,
    reason: str,
    agreed: str | None,
) -> Plan:
    plan, notes = _compared(entries, lock=True)
    is_other = agreed is not None and plan.digest != agreed
    if is_other or (plan.conflicts and not replace):
        raise NotWrittenError(plan)
    terms = {"default_user": by, "default_change_reason": reason[:REASON], "default_date": at}
    for some in _chunks(plan.new):
        _create(some, by, terms)
    for some in _chunks(plan.conflicts):
        _change(some, notes, by, at, terms)
    return plan


def _create(changes: Sequence[Change], by, terms: dict) -> None:
    versions = _next_versions([change.key for change in changes])
    new = []
    for change in changes:
        host_id, protocol, port = change.key
        note = PortNote(host_id=host_id, protocol=protocol, port=port, **change.values)
        note.version = versions[change.key]
        note.created_by = note.updated_by = by
        new.append(note)
    bulk_create_with_history(new, PortNote, **terms)


def _change(
    changes: Sequence[Change], notes: dict[Key, PortNote], by, at: datetime, terms: dict
) -> None:
    for change in changes:
        note = notes[change.key]
        for difference in change.differences:
            setattr(note, difference.field, difference.theirs)
        note.updated_by, note.updated_at = by, at
        note.version += 1
    fields = [*INHERITED, "updated_by", "updated_at", "version"]
    bulk_update_with_history([notes[change.key] for change in changes], PortNote, fields, **terms)


def _compared(entries: Sequence[Entry], *, lock: bool) -> tuple[Plan, dict[Key, PortNote]]:
    """Return what would be done, and the notes about these ports; locked, they stay so."""
    notes: dict[Key, PortNote] = {}
    rows = PortNote.objects.select_for_update() if lock else PortNote.objects.all()
    for some in _chunks(entries):
        keys = {each.key for each in some}
        keys |= {(EVERY_HOST, *key[1:]) for key in keys}
        found = rows.filter(host_id__in={key[0] for key in keys}, port__in={key[2] for key in keys})
        notes |= {note.key: note for note in found if note.key in keys}
    said = {key: entry.of_note(note).said for key, note in notes.items()}
    return compare(entries, said), notes


def _chunks(items: Sequence) -> Iterator[Sequence]:
    for start in range(0, len(items), MOST):
        yield items[start : start + MOST]
