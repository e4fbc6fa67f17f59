"""
What strangers send as JSON, read value by value: its type, its size, and that it can be stored.

Pure. A reader takes a value and returns what it says, or raises the one error, which leads to
what is wrong. Text is made what `text.safe` makes of every name that a process chose.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Self

from collector.text import safe

LONGEST = 65_536  # characters of a text; more than is kept is cut, more than this refused
FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)

Read = Callable[[Any], Any]
Table = Mapping[str, tuple[Read, Any]]  # how each field is read, and what it is if not there
MUST: Any = object()  # instead of a default: the field has to be there


class WireError(ValueError):
    """
    What was sent says what cannot be. `path` leads there: names, and numbers from 0 on.

    `rule` is a word for what no schema can say: `clock` of a time, `twice` of a port.
    """

    def __init__(self, message: str, *path: str | int, rule: str = ""):
        super().__init__(message)
        self.message, self.path, self.rule = message, path, rule

    def __str__(self) -> str:
        return f"{'/'.join(map(str, self.path))}: {self.message}" if self.path else self.message

    def below(self, *path: str | int) -> Self:
        """Return the error as that of something larger, of which it is a part."""
        self.path = (*path, *self.path)
        return self


class TooLargeError(WireError):
    """There is more of it than may be sent at once."""


def fields(said: Any, table: Table) -> dict[str, Any]:
    """Return what an object says in these fields; others are left aside. Raises WireError."""
    if not isinstance(said, dict):
        raise WireError("It is an object.")
    found = {}
    name = ""
    try:
        for name, (read, default) in table.items():
            value = said.get(name, MUST)
            found[name] = _default(default) if value is MUST else read(value)
    except WireError as exc:
        raise exc.below(name) from None
    return found


def _default(default: Any) -> Any:
    if default is MUST:
        raise WireError("It is missing.")
    return default


def many(read_one: Read, most: int) -> Read:
    """Return the reader of a list."""

    def read(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise WireError("It is a list.")
        if len(value) > most:
            raise TooLargeError(f"There are {len(value)} of them; {most} are the most.")
        found: list[Any] = []
        try:
            for each in value:
                found.append(read_one(each))  # noqa: PERF401  # its length tells which is wrong
        except WireError as exc:
            raise exc.below(len(found)) from None
        return tuple(found)

    return read


def text(limit: int) -> Read:
    """Return the reader of a text of which at most so many characters are kept."""

    def read(value: Any) -> str:
        if not isinstance(value, str):
            raise WireError("It is text.")
        if len(value) <= limit and value.isprintable():  # as nearly everything is
            return value
        if len(value) > LONGEST:
            raise TooLargeError(f"It is longer than {LONGEST} characters.")
        return safe(value, limit)

    return read


def matching(matches: Callable[[str], object], message: str) -> Read:
    """Return the reader of a text of a certain form."""

    def read(value: Any) -> str:
        if not isinstance(value, str) or not matches(value):
            raise WireError(message)
        return value

    return read


def flag(value: Any) -> bool:
    """Read a truth value."""
    if not isinstance(value, bool):
        raise WireError("It is true or false.")
    return value


def whole(least: int, most: int) -> Read:
    """Return the reader of a whole number within bounds."""

    def read(value: Any) -> int:
        if type(value) is not int or not least <= value <= most:  # True is an int as well
            raise WireError(f"It is a whole number from {least} to {most}.")
        return value

    return read


def seconds(most: int) -> Read:
    """Return the reader of a number of seconds."""

    def read(value: Any) -> float:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or not 0 <= value <= most:  # NaN is within no bounds
            raise WireError(f"It is a number of seconds from 0 to {most}.")
        return float(value)

    return read


def one_of(words: type[Enum]) -> Read:
    """Return the reader of a word of a list."""
    known = {word.value: word for word in words}

    def read(value: Any) -> Enum:
        word = known.get(value) if isinstance(value, str) else None
        if word is None:
            raise WireError(f"It is one of {', '.join(each or 'nothing' for each in known)}.")
        return word

    return read


def maybe(read: Read) -> Read:
    """Return the reader of a value that may be null."""
    return lambda value: None if value is None else read(value)


def moment(value: Any) -> datetime:
    """Read a time with its zone, as UTC."""
    at = None
    if isinstance(value, str) and len(value) <= 40:
        try:
            at = datetime.fromisoformat(value)
            at = at.astimezone(UTC) if at.tzinfo else None
        except (ValueError, OverflowError):
            at = None
    if at is None or not FIRST <= at < LAST:
        raise WireError(
            f"It is a time with its zone, from {FIRST.year} to {LAST.year - 1}, "
            "like 2026-01-31T12:00:00+00:00.",
            rule="clock",
        )
    return at
