"""What people know about a port, as its page says it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple, Self

from django.utils.safestring import SafeString

from notes.markdown import render
from notes.models import EVERY_HOST, PortNote
from notes.services import Key
from portatlas.words import ago


class Said(NamedTuple):
    """Something that a note says, and what it is called."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Known:
    """A note in words."""

    note: PortNote
    title: str
    facts: tuple[Said, ...]
    description: SafeString
    is_inherited: bool  # it speaks for every host, on the page of one
    is_stale: bool
    changed: str

    @classmethod
    def of(cls, note: PortNote, host_id: str, now: datetime) -> Self:
        """Put a note into words. Needs the user who changed it last."""
        return cls(
            note,
            title=note.title or "Untitled",
            facts=tuple(_facts(note, now.date())),
            description=render(note.description),
            is_inherited=note.speaks_for_every_host and host_id != note.host_id,
            is_stale=note.is_stale(now.date()),
            changed=_changed(note, now),
        )


def about(key: Key) -> PortNote | None:
    """Return the note that speaks for a port, seen or not: its own, else that for every host."""
    host_id, protocol, port = key
    notes = PortNote.objects.filter(host_id__in=(host_id, EVERY_HOST), protocol=protocol, port=port)
    found = notes.select_related("updated_by")
    return min(found, key=lambda note: note.speaks_for_every_host, default=None)


def _facts(note: PortNote, today: date) -> Iterator[Said]:
    yield Said("Risk", note.get_risk_level_display())
    yield Said("Type", note.get_service_type_display())
    if note.owner:
        yield Said("Ask", note.owner)
    if note.tags:
        yield Said("Tags", ", ".join(note.tags))
    if note.expected_scope:
        yield Said("May listen", note.get_expected_scope_display())
    if note.review_by:
        late = (today - note.review_by).days
        days = "1 day" if late == 1 else f"{late} days"
        yield Said("Review by", f"{note.review_by:%F}" + (f", {days} ago" if late > 0 else ""))


def _changed(note: PortNote, now: datetime) -> str:
    who = note.updated_by.get_username() if note.updated_by else "somebody"
    return f"Last saved by {who} {ago(note.updated_at, now)}"
