"""JSON, read with the line of each value, and written one note a line."""

import json
import re
from json import JSONDecodeError, JSONDecoder
from typing import Any, NoReturn

from notes.exchange.faults import BadFileError
from notes.exchange.node import DEEPEST, MOST_NODES, Node, Number

SPACE = re.compile(r"[ \t\n\r]*")


def read(text: str) -> Node:
    """Return what a text says. Raises BadFileError."""
    reader = _Reader(text)
    try:
        root = reader.value(depth=0)
        reader.skip()
    except JSONDecodeError as exc:
        raise BadFileError.at(exc.lineno, f"This is no JSON: {exc.msg}.") from exc
    if reader.at < len(text):
        raise BadFileError.at(reader.line, "This is no JSON: something follows its end.")
    return root


def _constant(name: str) -> NoReturn:
    raise JSONDecodeError(f"{name} is no number", "", 0)


class _Reader:
    """
    Reads the brackets itself, to know the lines; all else is left to Python's decoder.

    Numbers stay text, so that none is too long to be made.
    """

    def __init__(self, text: str):
        self.text, self.at, self.line = text, 0, 1
        self.left = MOST_NODES
        decoder = JSONDecoder(parse_int=Number, parse_float=Number, parse_constant=_constant)
        self.decode = decoder.raw_decode

    def go(self, to: int) -> None:
        self.line += self.text.count("\n", self.at, to)
        self.at = to

    def skip(self) -> str:
        """Go on to what is no white space, and return it; at the end nothing."""
        self.go(SPACE.match(self.text, self.at).end())  # type: ignore[union-attr]  # it always fits
        return self.text[self.at : self.at + 1]

    def expect(self, these: str) -> str:
        found = self.skip()
        if not found or found not in these:
            raise BadFileError.at(self.line, f"This is no JSON: {' or '.join(these)} is missing.")
        self.go(self.at + 1)
        return found

    def value(self, depth: int) -> Node:
        start = self.skip()
        line = self.line
        self.left -= 1
        if self.left < 0:
            raise BadFileError.at(line, f"It has more than {MOST_NODES} values. Divide it.")
        if start in {"{", "["} and depth == DEEPEST:
            raise BadFileError.at(line, f"This is nested deeper than {DEEPEST} levels.")
        if start == "{":
            return Node(line, self.mapping(depth + 1))
        if start == "[":
            return Node(line, self.list(depth + 1))
        try:
            value, end = self.decode(self.text, self.at)
        except JSONDecodeError as exc:
            raise BadFileError.at(line, f"This is no JSON: {exc.msg}.") from exc
        self.go(end)
        return Node(line, value)

    def list(self, depth: int) -> list[Node]:
        self.expect("[")
        values: list[Node] = []
        if self.skip() == "]":
            self.expect("]")
            return values
        while True:
            values.append(self.value(depth))
            if self.expect(",]") == "]":
                return values

    def mapping(self, depth: int) -> dict[str, Node]:
        self.expect("{")
        values: dict[str, Node] = {}
        if self.skip() == "}":
            self.expect("}")
            return values
        while True:
            name = self.name()
            if name in values:
                text = f"{name[:50]!r} is said twice, on line {values[name].line} and here."
                raise BadFileError.at(self.line, text)
            self.expect(":")
            values[name] = self.value(depth)
            if self.expect(",}") == "}":
                return values

    def name(self) -> str:
        if self.skip() != '"':
            raise BadFileError.at(self.line, "This is no JSON: a name in quotes is missing.")
        return str(self.value(DEEPEST).value)


def write(document: dict[str, Any]) -> str:
    """Return a document whose last member are its notes, each of them on a line of its own."""
    *head, (name, notes) = document.items()
    lines = [f"  {_said(key)}: {_said(value)}," for key, value in head]
    rows = ",\n".join(f"    {_said(note)}" for note in notes)
    lines.append(f"  {_said(name)}: [\n{rows}\n  ]" if notes else f"  {_said(name)}: []")
    return "\n".join(["{", *lines, "}", ""])


def _said(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)  # a day says itself
