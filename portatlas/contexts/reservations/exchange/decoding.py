"""JSON from a file that anybody may have made: read whole, within bounds, or not at all. Pure."""

import json
import math
from collections import Counter
from collections.abc import Iterator
from json import JSONDecodeError
from typing import Any, NoReturn

from portatlas.contexts.reservations.exchange.faults import BadFileError, Fault

MOST_BYTES = 64 * 1024**2
MOST_VALUES = 8_000_000  # 64 MiB of ours have half as many; each takes some 60 bytes of memory


def decode(data: bytes) -> Any:
    """Return what a file says. Raises BadFileError."""
    if len(data) > MOST_BYTES:
        raise BadFileError.at("", f"It has more than {MOST_BYTES // 1024**2} MiB. Divide it.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise BadFileError.at("", f"This is no UTF-8 text, in line {line}.") from exc
    # Each value but the first follows one of these; in texts they are counted, too.
    if sum(map(text.count, ",[{")) > MOST_VALUES:
        raise BadFileError.at("", f"It has more than {MOST_VALUES:,} values. Divide it.")
    members = _Members()
    try:
        value = json.loads(
            text,
            object_pairs_hook=members.take,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_constant,
        )
        if members.had_twice:
            raise BadFileError([*_twice(value, "")])
    except JSONDecodeError as exc:
        why = f"This is no JSON, in line {exc.lineno}, column {exc.colno}: {exc.msg}."
        raise BadFileError.at("", why) from exc
    except RecursionError as exc:
        raise BadFileError.at("", "It is nested too deep.") from exc
    return value


class _Twice(dict[str, Any]):
    """An object in which a name is said more than once."""

    name = ""


class _Members:
    """Makes objects of their members, and remembers whether one had a name twice."""

    def __init__(self) -> None:
        self.had_twice = False

    def take(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) == len(pairs):
            return found
        self.had_twice = True
        marked = _Twice(found)
        marked.name = Counter(name for name, _value in pairs).most_common(1)[0][0]
        return marked


def _twice(value: Any, place: str) -> Iterator[Fault]:
    if isinstance(value, _Twice):
        yield Fault(place, f"{value.name[:50]!a} is said twice.")
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _twice(each, f"{place}.{name[:50]}".lstrip("."))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _twice(each, f"{place}[{index}]")


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError as exc:  # Python makes none of more than 4,300 digits
        raise BadFileError.at("", f"{text[:30]}… is too long a number.") from exc


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise BadFileError.at("", f"{text[:30]} is too large a number.")
    return value


def _constant(name: str) -> NoReturn:
    raise BadFileError.at("", f"This is no JSON: {name} is no number.")
