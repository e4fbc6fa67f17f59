"""A note as the command line writes it: by the form of the board, whose rules are the same."""

import copy
from collections.abc import Iterator
from typing import Any

from notes import services, tags
from notes.forms import NoteForm, shown
from notes.models import PortNote
from notes.services import INHERITED
from portatlas.board.line_diff import compare
from portatlas.terminal.meaning import Meaning

OPTIONS = {
    "title": "--title",
    "owner": "--owner",
    "service_type": "--type",
    "risk_level": "--risk",
    "tags": "--tags",
    "expected_scope": "--scope",
    "review_by": "--review-by",
    "description": "--description",
    "host_id": "--host",
    "protocol": "--protocol",
    "port": "the port",
}
BLANK = PortNote(service_type="", risk_level="")  # before there was a note, nothing was said


def begun(meaning: Meaning) -> PortNote:
    """Return the note to write into: the port's own, or a new one that says what spoke for it."""
    if meaning.note:
        return copy.copy(meaning.note)
    host_id, protocol, port = meaning.key
    words = {name: getattr(meaning.inherited, name) for name in INHERITED if meaning.inherited}
    return PortNote(host_id=host_id, protocol=protocol, port=port, **words)


def form(note: PortNote, said: dict[str, Any], added: str) -> NoteForm:
    """Return the form of a note, filled in with what it says and with what is said anew."""
    blank = NoteForm(instance=note)
    filled = {name: blank[name].value() for name in blank.fields}
    if added:
        words = said.get("tags", filled["tags"])
        said = said | {"tags": ", ".join([*tags.parse(words), *tags.parse(added)])}
    return NoteForm(filled | said, instance=note)


def as_read(typed: str) -> str:
    """Say into which words a blank has split what was typed between commas; "" if it did not."""
    read = tags.parse(typed)
    if set(read) == {part for each in typed.lower().split(",") if (part := each.strip())}:
        return ""
    told = ", ".join(f"“{word}”" for word in read)
    return f"A tag has no blank, so {shown(typed)} was read as {told}."


def errors(form: NoteForm) -> str:
    """Say what is wrong, by the options that have to be changed."""
    told = (
        f"{OPTIONS[name]}: {' '.join(words)}" if name in OPTIONS else " ".join(words)
        for name, words in form.errors.items()
    )
    return "; ".join(told)


def differences(before: PortNote, after: PortNote) -> Iterator[str]:
    """Say what a note says otherwise than before, each field in a line."""
    for name in INHERITED:
        old, new = (getattr(each, name) for each in (before, after))
        if old == new:
            continue
        if name == "description":
            yield "description:"
            yield from (f"  {mark} {text}" for mark, text in compare(old, new))
        else:
            label = OPTIONS[name].removeprefix("--").replace("-", " ")
            yield f"{label}: {shown(old)} → {shown(new)}"


def write(note: PortNote, seen: int | None) -> None:
    """Save a note as it was read at that version, in nobody's name: a command has none."""
    services.save(note, by=None, seen=seen)
