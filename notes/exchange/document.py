"""
The document that is written and read, whatever its format: notes, and what it says of itself.

It says no time and no author, so that the same notes are the same file. Its checksum is over what
the notes say, in the order of their keys: another order, other quotes or another format change
nothing in it. A document without one was written by a person, and is taken as it is.
"""

import hashlib
import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from notes.exchange import entry
from notes.exchange.entry import Entry
from notes.exchange.faults import MOST, BadFileError, EditedError, Fault
from notes.exchange.node import MOST_NOTES, Node
from notes.models import named

FORMAT = "portatlas-notes"
VERSION = 1
MEMBERS = ("format", "version", "count", "checksum", "remarks", "notes")


class Document(NamedTuple):
    """Notes to be written, and what is to be said about them."""

    entries: tuple[Entry, ...]
    remarks: tuple[str, ...] = ()


def checksum(entries: Iterable[Entry]) -> str:
    """Return what tells whether notes were edited since they were written."""
    rows = [each.row() for each in sorted(entries, key=lambda each: each.key)]
    text = json.dumps(rows, default=str, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def members(document: Document, *, sealed: bool) -> dict[str, Any]:
    """
    Return what a file says, in its order; the notes last.

    `sealed` files say how many notes they have and their checksum. Drafts are there to be edited.
    """
    said: dict[str, Any] = {"format": FORMAT, "version": VERSION}
    if sealed:
        said |= {"count": len(document.entries), "checksum": checksum(document.entries)}
    if document.remarks:
        said["remarks"] = list(document.remarks)
    return said | {"notes": [each.row() for each in document.entries]}


def read(root: Node, *, edited: bool = False, unit: str = "line") -> Document:
    """
    Return the document that was read from a file, of which `unit` are the lines.

    `edited` takes it although its count and its checksum don't fit.

    Raises EditedError where only these don't fit, BadFileError for anything else.
    """
    try:
        return _read(root, edited=edited)
    except EditedError:
        raise
    except BadFileError as exc:
        raise BadFileError(exc.faults, unit) from exc


def _read(root: Node, *, edited: bool) -> Document:
    said = root.value
    if not isinstance(said, dict) or "format" not in said:
        raise BadFileError.at(1, f"This is no export of notes: it doesn't say format: {FORMAT}.")
    _check_version(said)
    faults = [
        Fault(node.line, f"{name[:50]!r} is not known here. There are {', '.join(MEMBERS)}.")
        for name, node in said.items()
        if name not in MEMBERS
    ]
    entries = _entries(said.get("notes"), faults)
    remarks = _remarks(said.get("remarks"), faults)
    if faults:
        raise BadFileError(faults)
    if not edited:
        _check_seal(said, entries)
    return Document(tuple(entries), tuple(remarks))


def _check_version(said: dict[str, Node]) -> None:
    form, version = said["format"], said.get("version")
    if form.value != FORMAT:
        raise BadFileError.at(form.line, f"This is no export of notes: format is not {FORMAT}.")
    if version is None or version.value == "":
        raise BadFileError.at(form.line, f"It says no version: {VERSION} is the one known here.")
    if version.value == str(VERSION):
        return
    is_newer = isinstance(version.value, str) and version.value.isdecimal()
    raise BadFileError.at(
        version.line,
        f"Its version is not {VERSION}, the only one known here"
        + (
            ": a newer Port Atlas wrote it. Update this one, and import it then."
            if is_newer
            else "."
        ),
    )


def _entries(node: Node | None, faults: list[Fault]) -> list[Entry]:
    if node is None or not isinstance(node.value, list):
        faults.append(Fault(node.line if node else 1, "notes: a list of notes was expected."))
        return []
    if len(node.value) > MOST_NOTES:
        text = f"It has more than {MOST_NOTES} notes. Divide it."
        raise BadFileError.at(node.line, text)
    entries: list[Entry] = []
    lines: dict[Any, int] = {}
    for each in node.value:
        found = entry.read(each, faults)
        if found and found.key in lines:
            said = f"{named(found.key)} is said twice, first on {lines[found.key]}."
            faults.append(Fault(found.line, said))
        elif found:
            lines[found.key] = found.line
            entries.append(found)
        if len(faults) >= MOST:
            break
    return entries


def _remarks(node: Node | None, faults: list[Fault]) -> list[str]:
    if node is None:
        return []
    try:
        if isinstance(node.value, list):
            return [entry.text(each) for each in node.value]
    except ValueError:
        pass
    faults.append(Fault(node.line, "remarks: a list of texts was expected."))
    return []


def _check_seal(said: dict[str, Node], entries: list[Entry]) -> None:
    why = ""
    if "count" in said and said["count"].value != str(len(entries)):
        why = f"It has {len(entries)} notes and says another number"
    elif "checksum" in said and said["checksum"].value != checksum(entries):
        why = "Its checksum doesn't fit its notes"
    if why:
        raise EditedError.at(0, f"{why}: it was edited since it was written, or it is damaged.")
