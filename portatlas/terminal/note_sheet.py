"""What people know about a port as text, and how that came about."""

from collections.abc import Iterator
from datetime import datetime

from rich.console import RenderableType
from rich.text import Text

from notes.models import PortNote
from portatlas.board import note_history
from portatlas.board.memory import Known
from portatlas.terminal.layout import facts, section
from portatlas.terminal.screen import prose

LINES = 40  # of a description


def memory(note: PortNote | None, key, now: datetime) -> Iterator[RenderableType]:
    """Yield what people know, and how that came about."""
    lines: list[RenderableType] = []
    if note:
        known = Known.of(note, key[0], now)
        lines = [prose(known.title, "bold")]
        lines += [facts((said.name.lower(), said.value) for said in known.facts)]
        text = note.description.splitlines()
        lines += [prose(line) for line in text[:LINES]]
        lines += [Text(f"… and {len(text) - LINES} more lines")] if len(text) > LINES else []
        if known.is_inherited:
            lines.append(Text("It speaks for every host without a note of its own.", style="dim"))
        lines.append(prose(known.changed, "dim"))
    yield from section("Note", lines)
    history = note_history.history(key, note)
    yield from section("History of the note (UTC)", [_version(each) for each in history.fresh])


def _version(version: note_history.Version) -> Text:
    told = [
        f"{each.name}: {each.old or 'nothing'} → {each.new or 'nothing'}"
        for each in version.differences
    ]
    if version.lines:
        told.append("the description")
    what = f"{version.what} {version.about}".strip()
    said = "; ".join(filter(None, [*told, version.reason]))
    return prose(f"{version.when}  {what} by {version.who}" + (f"  {said}" if said else ""))
