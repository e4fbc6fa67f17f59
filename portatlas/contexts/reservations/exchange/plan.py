"""What an import would do: a comparison of what a file says with what is reserved. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

EVERY_HOST = "*"  # as values.py has it, which is not without Django

Key = tuple[str, str, int]  # host, protocol, port
Row = Mapping[str, Any]


class Ours(NamedTuple):
    """A reservation that is there; one that has run out stands in nobody's way."""

    pk: int
    version: int
    row: Row
    has_run_out: bool = False


class Difference(NamedTuple):
    """A column in which the file and the reservation differ; None is what is not said."""

    column: str
    ours: Any
    theirs: Any


class Conflict(NamedTuple):
    """
    A reservation of the file, and those that stand in its way.

    Where the same project has the same port, it only says other terms: `differences`.
    """

    row: Row
    ours: tuple[Ours, ...]
    differences: tuple[Difference, ...] = ()


class Compared(NamedTuple):
    """Which reservations are new, which differ, which are the same, and which have run out."""

    new: list[Row]
    conflicts: list[Conflict]
    same: int
    run_out: list[Ours]


def compare(rows: Iterable[Row], ours: Sequence[Ours]) -> Compared:
    """
    Hold what a file says against what is there about the same ports.

    A port of every host and the same port of one of them stand in each other's way.

    >>> one = {"host_id": "*", "protocol": "tcp", "port": 80, "project": "shop"}
    >>> other = Ours(1, 1, {**one, "host_id": "atlas"})
    >>> compare([one], [other]).conflicts[0].ours == (other,)
    True
    """
    of_number: dict[tuple[str, int], list[Ours]] = {}
    for each in ours:
        of_number.setdefault(key(each.row)[1:], []).append(each)
    found = Compared([], [], 0, [])
    for row in rows:
        meets = [
            each
            for each in of_number.get(key(row)[1:], ())
            if EVERY_HOST in {row["host_id"], each.row["host_id"]}
            or each.row["host_id"] == row["host_id"]
        ]
        if len(meets) == 1 and key(meets[0].row) == key(row) and not _differences(row, meets[0]):
            found = found._replace(same=found.same + 1)
            continue
        found.run_out.extend(each for each in meets if each.has_run_out)
        in_the_way = tuple(each for each in meets if not each.has_run_out)
        if in_the_way:
            found.conflicts.append(_conflict(row, in_the_way))
        else:
            found.new.append(row)
    return found


def joined(parts: Iterable[Compared]) -> Compared:
    """Return what was compared in parts as a whole."""
    whole = Compared([], [], 0, [])
    for part in parts:
        whole.new.extend(part.new)
        whole.conflicts.extend(part.conflicts)
        whole.run_out.extend(part.run_out)
        whole = whole._replace(same=whole.same + part.same)
    return whole


def key(row: Row) -> Key:
    return row["host_id"], row["protocol"], row["port"]


def is_same(one: Any, other: Any) -> bool:
    """
    Whether values say the same in JSON, whichever database they come from.

    >>> is_same({"a": 1e22}, {"a": 10**22}), is_same([1], [True])
    (True, False)
    """
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(
            is_same(value, other[name]) for name, value in one.items()
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _conflict(row: Row, ours: tuple[Ours, ...]) -> Conflict:
    first = ours[0]
    if key(first.row) != key(row) or first.row["project"] != row["project"]:
        return Conflict(row, ours)
    return Conflict(row, ours, _differences(row, first))


def _differences(row: Row, ours: Ours) -> tuple[Difference, ...]:
    names = [*ours.row, *(name for name in row if name not in ours.row)]
    return tuple(
        Difference(name, ours.row.get(name), row.get(name))
        for name in names
        if not is_same(ours.row.get(name), row.get(name))
    )
