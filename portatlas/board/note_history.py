"""The history of a note: every version with who, when, and what differs from the one before."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Q

from notes.models import EVERY_HOST, PortNote, named
from portatlas.board.line_diff import DiffLine, compare
from portatlas.models import KEY

VERSIONS = 100  # that are read, of all the notes that a page is about
FRESH = 5  # that are told at once; the rest is folded
LONGEST = 300  # characters of a value

Key = tuple[str, str, int]

FIELDS = {
    "title": "title",
    "owner": "owner",
    "service_type": "type",
    "risk_level": "risk",
    "tags": "tags",
    "expected_scope": "may listen",
    "review_by": "review by",
}
META = PortNote._meta
CHOICES = {name: dict(META.get_field(name).flatchoices) for name in FIELDS}
BLANK = PortNote(service_type="", risk_level="")  # before there was a note, nothing was said
NOBODY = "somebody"  # a command, or a user who was deleted since
VERBS = {"+": "Written", "~": "Changed", "-": "Deleted"}


class Difference(NamedTuple):
    """A field that two versions say otherwise; "" is nothing."""

    name: str
    old: str
    new: str


class Version(NamedTuple):
    """One version of a note."""

    time: datetime
    who: str
    what: str
    about: str  # every host, where the page is of one
    differences: tuple[Difference, ...]
    lines: tuple[DiffLine, ...]  # of the description
    reason: str

    @property
    def when(self) -> str:
        return f"{self.time:%F %T}"

    @property
    def iso(self) -> str:
        return self.time.isoformat()

    @property
    def is_empty(self) -> bool:
        """Whether a change changed nothing that is told."""
        return self.what == VERBS["~"] and not (self.differences or self.lines)


class History(NamedTuple):
    """The versions of the notes about a port, the newest first."""

    fresh: list[Version]
    folded: list[Version]
    is_cut: bool


def history(key: Key, note: PortNote | None) -> History:
    """
    Return the history of the notes about a key, in one query.

    Of the one that speaks now it is all, wherever it was moved from; of others that spoke
    before, what they said here, and where they went. For a note that speaks for every host
    its own history is told too.
    """
    keys = {key} | ({note.key} if note else set())
    records = PortNote.history.model.objects
    of_keys = Q(pk__in=[])
    for each in keys:
        of_keys |= Q(**dict(zip(KEY, each, strict=True)))
    if note:
        of_keys |= Q(id=note.pk)
    rows = list(
        records.filter(id__in=records.filter(of_keys).values("id"))
        .select_related("history_user")
        .order_by("-history_id")[: VERSIONS + 1]
    )
    is_cut = len(rows) > VERSIONS
    versions = list(_versions(rows[:VERSIONS], keys, key, note))[::-1]
    return History(versions[:FRESH], versions[FRESH:], is_cut)


def _versions(rows: list, keys: set[Key], key: Key, note: PortNote | None) -> Iterator[Version]:
    """Yield what is told of the records, the oldest first."""
    last: dict[int, Any] = {}
    for row in reversed(rows):
        before = last.get(row.id)
        last[row.id] = row
        was_here = before is not None and _key(before) in keys
        if _key(row) in keys or was_here or (note and row.id == note.pk):
            yield _version(row, before, key)


def _version(row, before, key: Key) -> Version:
    if row.history_type == "-":
        old = new = BLANK
    else:
        # Of the first that is read it is known what it changed only if nothing was before.
        old = before or (BLANK if row.history_type == "+" else row)
        new = row
    has_moved = before is not None and _key(before) != _key(row)  # which says where it was and is
    is_of_all = row.host_id == EVERY_HOST and key[0] != EVERY_HOST
    return Version(
        row.history_date,
        row.history_user.get_username() if row.history_user else NOBODY,
        _moved(row, before, key) if has_moved else VERBS[row.history_type],
        "for every host" if is_of_all and not has_moved else "",
        tuple(_differences(old, new)),
        compare(old.description, new.description),
        "" if has_moved else row.history_change_reason or "",
    )


def _moved(row, before, key: Key) -> str:
    if _key(row) == key:
        return f"Moved here from {named(_key(before))}"
    return f"Moved from {named(_key(before))} to {named(_key(row))}"


def _differences(old, new) -> Iterator[Difference]:
    for name, said in FIELDS.items():
        one, other = (_said(name, getattr(each, name)) for each in (old, new))
        if one != other:
            yield Difference(said, one, other)


def _said(name: str, value: Any) -> str:
    """Say the value of a field."""
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value or "")
    text = str(CHOICES[name].get(text, text))
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _key(row) -> Key:
    return row.host_id, row.protocol, row.port
