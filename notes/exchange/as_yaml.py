"""
YAML, read by its events and written with as few quotes as it allows.

No value is made by a tag, and none by what it looks like: `on`, `22:22` and `0800` stay what was
written, and who reads a field says whether it is a number. Aliases, by which a short text becomes
an endless one, are refused in files of ours; in those of others they lead to one and the same
node.
"""

import re
from typing import Any

import yaml

from notes.exchange.faults import BadFileError
from notes.exchange.node import DEEPEST, MOST_NODES, Node, Plain

DEEPEST_FOREIGN = 40
MOST_MERGED = 100_000  # mappings that come into others by `<<`, and their names

FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
NUMBER = re.compile(r"[-+.]?[0-9][-+.:_0-9a-fA-FxXoOTZ ]*")  # or a date, to some reader of YAML
FOLDED = re.compile("[^\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd]")

Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def read(text: str, *, foreign: bool = False) -> Node:
    """
    Return what a text says. `foreign` allows what other programs make of YAML: aliases and tags.

    Raises BadFileError.
    """
    if bad := FORBIDDEN.search(text):
        line = text.count("\n", 0, bad.start()) + 1
        raise BadFileError.at(line, f"The character {bad[0]!r} can't be in YAML.")
    reader = _Reader(foreign=foreign)
    try:
        for event in yaml.parse(text, Loader=Loader):
            reader.take(event)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        why = exc.problem or exc.context
        raise BadFileError.at(mark.line + 1 if mark else 0, f"This is no YAML: {why}.") from exc
    except yaml.YAMLError as exc:
        raise BadFileError.at(0, "This is no YAML.") from exc
    if reader.root is None:
        raise BadFileError.at(0, "The file is empty.")
    return reader.root


class _Level:
    """A mapping or a list that is being read."""

    def __init__(self, line: int, anchor: str | None, *, is_mapping: bool):
        self.line, self.anchor = line, anchor
        self.values: Any = {} if is_mapping else []
        self.merged: dict[str, Node] = {}
        self.name: Node | None = None  # that waits for its value


class _Reader:
    """Puts events together, without recursion."""

    def __init__(self, *, foreign: bool):
        self.foreign = foreign
        self.deepest = DEEPEST_FOREIGN if foreign else DEEPEST
        self.root: Node | None = None
        self.levels: list[_Level] = []
        self.anchors: dict[str, Node] = {}
        self.left = MOST_NODES
        self.left_to_merge = MOST_MERGED

    def take(self, event: Any) -> None:
        line = event.start_mark.line + 1
        if isinstance(event, yaml.DocumentStartEvent) and self.root is not None:
            raise BadFileError.at(line, "A second document begins here: one is read.")
        if not isinstance(event, yaml.NodeEvent | yaml.CollectionEndEvent):
            return
        self.left -= 1
        if self.left < 0:
            raise BadFileError.at(line, f"It has more than {MOST_NODES} values. Divide it.")
        if isinstance(event, yaml.AliasEvent):
            self._add(self._alias(str(event.anchor), line))
            return
        if isinstance(event, yaml.CollectionEndEvent):
            self._close()
            return
        self._check(event, line)
        if isinstance(event, yaml.ScalarEvent):
            value = Plain(event.value) if event.implicit[0] else event.value
            self._add(self._anchored(event.anchor, Node(line, value)))
            return
        if len(self.levels) == self.deepest:
            raise BadFileError.at(line, f"This is nested deeper than {self.deepest} levels.")
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        self.levels.append(_Level(line, event.anchor, is_mapping=is_mapping))

    def _check(self, event: Any, line: int) -> None:
        if self.foreign:
            return
        if event.anchor:
            raise BadFileError.at(line, "Anchors and aliases (& and *) are not read: write it out.")
        if event.tag and event.tag != "!":
            raise BadFileError.at(line, f"Tags are not read: leave {event.tag[:50]} out.")

    def _alias(self, anchor: str, line: int) -> Node:
        if not self.foreign:
            raise BadFileError.at(line, "Anchors and aliases (& and *) are not read: write it out.")
        if anchor not in self.anchors:
            raise BadFileError.at(line, f"There is no &{anchor[:50]} before.")
        return Node(line, self.anchors[anchor].value)

    def _anchored(self, anchor: str | None, node: Node) -> Node:
        if anchor:
            self.anchors[anchor] = node
        return node

    def _close(self) -> None:
        level = self.levels.pop()
        values = level.merged | level.values if level.merged else level.values
        self._add(self._anchored(level.anchor, Node(level.line, values)))

    def _add(self, node: Node) -> None:
        if not self.levels:
            self.root = node
            return
        level = self.levels[-1]
        if isinstance(level.values, list):
            level.values.append(node)
        elif level.name is None:
            self._name(level, node)
        else:
            name, level.name = level.name, None
            if self.foreign and name.value == "<<":
                self._merge(level, node)
            else:
                level.values[name.value] = node

    def _merge(self, level: _Level, node: Node) -> None:
        """Take over what other mappings say, the first of them first; each costs, the empty too."""
        for each in node.value if isinstance(node.value, list) else [node]:
            if not isinstance(each.value, dict):
                raise BadFileError.at(node.line, "Only a mapping can be merged.")
            self.left_to_merge -= len(each.value) + 1
            if self.left_to_merge < 0:
                raise BadFileError.at(node.line, "Too much is merged here.")
            for name, value in each.value.items():
                level.merged.setdefault(name, value)

    def _name(self, level: _Level, node: Node) -> None:
        if not isinstance(node.value, str):
            raise BadFileError.at(node.line, "A name was expected here, not a list or a mapping.")
        if node.value in level.values:
            first = level.values[node.value].line
            raise BadFileError.at(
                node.line, f"{node.value[:50]!r} is said twice, on line {first} and here."
            )
        level.name = node


class Row(list[str]):
    """A list that is written on one line."""


class _Writer(Dumper):  # type: ignore[misc,valid-type]  # which of the two is known when it runs
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(writer: Any, text: str) -> Any:
    """Write lines as a block; in quotes what has more than letters and ends of lines."""
    style = '"' if FOLDED.search(text) or NUMBER.fullmatch(text) else "|" if "\n" in text else None
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _row(writer: Any, row: Row) -> Any:
    return writer.represent_sequence("tag:yaml.org,2002:seq", row, flow_style=True)


_Writer.add_representer(str, _text)
_Writer.add_representer(Row, _row)


def write(document: dict[str, Any]) -> str:
    """Return a document of names, texts, numbers, days and lists as YAML."""
    return yaml.dump(
        document,
        Dumper=_Writer,
        allow_unicode=True,
        default_flow_style=False,
        sort_keys=False,
        width=1_000_000,
    )
