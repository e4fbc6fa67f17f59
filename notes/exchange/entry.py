"""What a file says about one port, checked field by field."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError

from notes import tags
from notes.exchange.faults import Fault
from notes.exchange.node import Node, Number, Plain
from notes.models import LONGEST, PortNote, host_name
from notes.services import INHERITED, Key

KEY = ("host_id", "protocol", "port")
FIELDS = (*KEY, *INHERITED)
EMPTY = {"", "~", "null", "Null", "NULL"}  # words without quotes by which YAML says nothing
NUMBER = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class Entry(NamedTuple):
    """
    What a file says about one port. What it doesn't say is not in `said`, and stays as it is.

    >>> Entry(("atlas", "tcp", 80), {"title": "Shop"}, 3).key
    ('atlas', 'tcp', 80)
    """

    key: Key
    said: Mapping[str, Any]  # by the names of `INHERITED`
    line: int = 0

    def row(self) -> dict[str, Any]:
        """Return all that it says, in the order of `FIELDS`."""
        return dict(zip(KEY, self.key, strict=True)) | {
            name: self.said[name] for name in INHERITED if name in self.said
        }


def of_note(note: PortNote) -> Entry:
    return Entry(note.key, {name: getattr(note, name) for name in INHERITED})


def read(node: Node, faults: list[Fault]) -> Entry | None:
    """Return what a mapping says about a port; None, and why in `faults`, if it makes no sense."""
    if not isinstance(node.value, dict):
        faults.append(Fault(node.line, "A note was expected here: its fields with their values."))
        return None
    before = len(faults)
    said: dict[str, Any] = {"protocol": PortNote.Protocol.TCP.value}
    for name, value in node.value.items():
        try:
            said[name] = _field(name)(value)
        except ValueError as exc:
            faults.append(Fault(value.line, f"{_shown(name)}: {exc}"))
    faults += [
        Fault(node.line, f"{name}: nothing is said, and each note needs it.")
        for name in KEY
        if name not in said and name not in node.value
    ]
    if len(faults) > before:
        return None
    key = said.pop("host_id"), said.pop("protocol"), said.pop("port")
    return Entry(key, said, node.line)


def _field(name: str) -> Callable[[Node], Any]:
    if name not in READERS:
        raise ValueError(f"There is no such field. There are {', '.join(FIELDS)}.")
    return READERS[name]


def text(node: Node) -> str:
    """Return a text. Raises ValueError for anything else, and for what no database keeps."""
    value = node.value
    if value is None or (isinstance(value, Plain) and value in EMPTY):
        return ""
    if not isinstance(value, str) or isinstance(value, Number):
        raise ValueError("A text was expected.")  # noqa: TRY004  # of a file, not of a program
    if "\x00" in value:
        raise ValueError("A text can't have the character NUL.")
    try:
        value.encode()
    except UnicodeEncodeError as exc:
        bad = value[exc.start]
        raise ValueError(f"Half of a character, {bad!r}, is no text.") from exc
    return str(value)


def _at_most(limit: int) -> Callable[[Node], str]:
    def read(node: Node) -> str:
        value = text(node)
        if len(value) > limit:
            raise ValueError(f"It has {len(value)} characters; {limit} are allowed.")
        return value

    return read


def _one_of(*choices: str) -> Callable[[Node], str]:
    def read(node: Node) -> str:
        value = text(node)
        if value not in choices:
            listed = ", ".join(filter(None, choices))
            raise ValueError(f"{_shown(value)} is none of {listed}.")
        return value

    return read


def _host(node: Node) -> str:
    value = text(node)
    if len(value) > 64 or not host_name.regex.search(value):
        raise ValueError(f"{_shown(value)} is no host. {host_name.message} 64 characters at most.")
    return value


def number(node: Node) -> int:
    """Return the number of a port. Raises ValueError."""
    value = node.value
    if not isinstance(value, str) or not NUMBER.fullmatch(value) or int(value) > 65535:
        raise ValueError(f"{_shown(value)} is no port: a port is a number from 1 to 65535.")
    return int(value)


def _day(node: Node) -> date | None:
    value = text(node)
    if not value:
        return None
    why = f"{_shown(value)} is no day: 2026-01-31 is one."
    if not DAY.fullmatch(value):
        raise ValueError(why)
    try:
        return date.fromisoformat(value)
    except ValueError as exc:
        raise ValueError(why) from exc


def _tags(node: Node) -> list[str]:
    if node.value is None or (isinstance(node.value, Plain) and node.value in EMPTY):
        return []
    if not isinstance(node.value, list):
        raise ValueError("A list of words was expected.")  # noqa: TRY004  # as above
    words = [text(each) for each in node.value]
    try:
        tags.validate(words)
    except ValidationError as exc:
        raise ValueError(exc.messages[0]) from exc
    return words


def _shown(value: Any) -> str:
    """
    Say a value in a sentence, in which it can't do any harm.

    >>> _shown("a\\x1b[2J"), _shown(None)
    ("'a\\\\x1b[2J'", 'nothing')
    """
    if isinstance(value, str):
        return ascii(str(value)[:60]) if not value.isprintable() else repr(str(value)[:60])
    return "nothing" if value is None else "this"


def _length(name: str) -> int:
    return PortNote._meta.get_field(name).max_length


READERS: dict[str, Callable[[Node], Any]] = {
    "host_id": _host,
    "protocol": _one_of(*PortNote.Protocol.values),
    "port": number,
    "title": _at_most(_length("title")),
    "description": _at_most(LONGEST),
    "owner": _at_most(_length("owner")),
    "service_type": _one_of(*PortNote.ServiceType.values),
    "risk_level": _one_of(*PortNote.RiskLevel.values),
    "tags": _tags,
    "expected_scope": _one_of("", *PortNote.ExpectedScope.values),
    "review_by": _day,
}
