"""A draft in the making: notes as they are found, and remarks about what became none."""

from collections.abc import Iterable
from typing import Any

from notes import tags
from notes.exchange import entry
from notes.exchange.document import Document
from notes.exchange.entry import Entry
from notes.exchange.faults import BadFileError, Fault
from notes.exchange.node import MOST_NOTES, Node
from notes.models import named
from notes.services import Key

MOST_REMARKS = 100
MOST_TAKEN = 50_000  # ports and remarks, those that are there twice too
WIDEST = 200  # ports of one range


class Draft:
    """Notes of one host, each port once; the first that says something of a port is heard."""

    def __init__(self, unit: str = "line"):
        self.unit = unit
        self.entries: dict[Key, Entry] = {}
        self.remarks: list[str] = []
        self.taken = 0

    def add(self, line: int, key: Key, **said: Any) -> None:
        """
        Add what is known of a port; what is empty is not said.

        What makes no sense becomes a remark. Raises BadFileError for more notes than a file has.
        """
        self._count(line)
        values = dict(zip(entry.KEY, (key[0], key[1], str(key[2])), strict=True))
        values |= {name: value for name, value in said.items() if value}
        faults: list[Fault] = []
        found = entry.read(_node(line, values), faults)
        for fault in faults:
            self.remark(line, f"{_name(key)} is left out. {fault.text}")
        if found is None:
            return
        if found.key in self.entries:
            self._meet(line, found)
            return
        self.entries[found.key] = found

    def _meet(self, line: int, other: Entry) -> None:
        """Keep what is there, but no limit of where it may listen that the other one hasn't."""
        first = self.entries[other.key]
        said = dict(first.said)
        if said.get("expected_scope") != other.said.get("expected_scope"):
            said.pop("expected_scope", None)
        self.entries[other.key] = first._replace(said=said)
        if said.get("title") != other.said.get("title"):
            where = f"first on {self.unit} {first.line}"
            self.remark(line, f"{named(other.key)} is there twice, {where}, which is kept.")

    def remark(self, line: int, text: str) -> None:
        self._count(line)
        if len(self.remarks) < MOST_REMARKS:
            self.remarks.append(f"{self.unit} {line}: {text}")
        elif len(self.remarks) == MOST_REMARKS:
            self.remarks.append("There is more to remark, which is left out.")

    def _count(self, line: int) -> None:
        self.taken += 1
        if self.taken > MOST_TAKEN or len(self.entries) >= MOST_NOTES:
            fault = Fault(line, f"It has more than {MOST_NOTES} ports. Divide it.")
            raise BadFileError([fault], self.unit)

    def document(self) -> Document:
        entries = sorted(self.entries.values(), key=lambda each: each.key)
        return Document(tuple(entries), tuple(self.remarks))


def clean(text: str, limit: int) -> str:
    """
    Return what a stranger wrote as one printable line.

    >>> clean(" two\\nlines \\x1b[2J ", 9)
    'two lines'
    """
    shown = "".join(each if each.isprintable() else " " for each in text[: 4 * limit])
    return " ".join(shown.split())[:limit].rstrip()


def words(texts: Iterable[str]) -> list[str]:
    """
    Return tags of texts, as far as they make any.

    >>> words(["PostGIS", "my image", "PostGIS", "", "!"])
    ['postgis', 'my-image']
    """
    found = ("-".join(text.lower().split()) for text in texts)
    return [word for word in dict.fromkeys(found) if tags.WORD.fullmatch(word)][:10]


def _name(key: Key) -> str:
    return clean(named(key), 100)


def _node(line: int, value: Any) -> Node:
    if isinstance(value, dict):
        return Node(line, {name: _node(line, each) for name, each in value.items()})
    if isinstance(value, list):
        return Node(line, [_node(line, each) for each in value])
    return Node(line, value)
