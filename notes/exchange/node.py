"""What was read from a file, whatever its format: values that know their line."""

from typing import NamedTuple

DEEPEST = 8  # levels of ours are four
MOST_NODES = 1_000_000  # of a file; the largest of ours have less
MOST_NOTES = 20_000  # of a file


class Plain(str):
    """A word of YAML without quotes: a text or a number, as its reader needs it."""

    __slots__ = ()


class Number(str):
    """A number of JSON as it was written, however long."""

    __slots__ = ()


class Node(NamedTuple):
    """A value, and the line on which it begins; for a table, the row."""

    line: int
    value: "str | bool | list[Node] | dict[str, Node] | None"
