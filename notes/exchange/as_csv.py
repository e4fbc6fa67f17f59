"""
A document as CSV: a first row that says what it is, the names of the fields, then a row a note.

What a spreadsheet keeps of it is enough to be read again: it may use another delimiter, fill up
rows and leave out quotes. But it may also take a text for a number or a day, and end lines within
a cell in its own way; then the checksum doesn't fit, and whoever saved it says that he did.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from notes.exchange import cells, table
from notes.exchange.entry import FIELDS
from notes.exchange.faults import BadFileError, Fault
from notes.exchange.node import MOST_NOTES, Node

MARK = "# "
OPTIONAL = {"protocol", "service_type", "risk_level"}  # an empty cell says nothing about them


def write(members: dict[str, Any]) -> str:
    """Return the members of a document as a table. Its remarks have no place there."""
    head = " ".join(
        f"{name}={value}" for name, value in members.items() if name not in {"notes", "remarks"}
    )
    rows = [[_cell(note.get(name)) for name in FIELDS] for note in members["notes"]]
    return table.BOM + table.write([[MARK + head], FIELDS, *rows])


def _cell(value: Any) -> str:
    words = " ".join(value) if isinstance(value, list) else "" if value is None else str(value)
    return cells.quote(words)


def read(text: str) -> Node:
    """Return what a table says as a document. Raises BadFileError."""
    rows = table.read(text, table.delimiter("".join(text.splitlines()[:2])))
    first = next(rows, None)
    if first is None or not first.cells[0].startswith(MARK):
        text = "This is no export of notes: its first row doesn't say what it is."
        raise BadFileError([Fault(1, text)], "row")
    said = {
        name: Node(first.number, value)
        for name, equals, value in (
            word.partition("=") for word in first.cells[0].removeprefix(MARK).split()
        )
        if equals
    }
    said["notes"] = Node(first.number, list(islice(_notes(rows), MOST_NOTES + 1)))
    return Node(first.number, said)


def _notes(rows: Iterator[table.Row]) -> Iterator[Node]:
    heading = next(rows, None)
    if heading is None:
        raise BadFileError([Fault(2, "The names of the fields are missing.")], "row")
    names = _names(heading)
    for row in rows:
        if any(row.cells[len(names) :]):
            text = f"It has more cells than the {len(names)} fields that row 2 names."
            raise BadFileError([Fault(row.number, text)], "row")
        said = {
            name: _node(row.number, name, cell)
            for name, cell in zip(names, row.cells, strict=False)  # a short row ends early
            if name and (cell or name not in OPTIONAL)
        }
        yield Node(row.number, said)


def _names(heading: table.Row) -> list[str]:
    names = [cell.strip() for cell in heading.cells]
    while names and not names[-1]:
        names.pop()
    for place, name in enumerate(names):
        if not name or name in names[:place]:
            what = f"{name[:50]!r} is there twice" if name else "a column has no name"
            raise BadFileError(
                [Fault(heading.number, f"In the names of the fields {what}.")], "row"
            )
    return names


def _node(number: int, name: str, cell: str) -> Node:
    value = cells.unquote(cell)
    if name == "tags":
        return Node(number, [Node(number, word) for word in value.split()])
    return Node(number, value)
