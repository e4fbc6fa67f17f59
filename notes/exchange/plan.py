"""What an import would do: a comparison of what a file says with what the notes say. Pure."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

Key = tuple[str, str, int]  # host, protocol, port
Said = Mapping[str, Any]

EVERY_HOST = "*"  # as notes.models has it, which this does without


class Difference(NamedTuple):
    """A field in which the file and the note differ."""

    field: str
    ours: Any
    theirs: Any


class Change(NamedTuple):
    """A note as the file has it; a new one differs in nothing."""

    key: Key
    line: int
    values: Said
    differences: tuple[Difference, ...] = ()


class Plan(NamedTuple):
    """Which notes are new, which differ, and how many the file says as they are."""

    new: tuple[Change, ...]
    conflicts: tuple[Change, ...]
    same: int

    @property
    def digest(self) -> str:
        """Tell whether what was looked at is still what would be done."""
        changes = [
            (change.key, sorted(change.values.items()), change.differences)
            for change in (*self.new, *self.conflicts)
        ]
        return hashlib.sha256(ascii(changes).encode()).hexdigest()


def compare(entries: Iterable[tuple[Key, Said, int]], notes: Mapping[Key, Said]) -> Plan:
    """
    Hold what a file says, by key with its line, against the notes that are there.

    What the file doesn't say of a note is no difference. Where there is none, but one for every
    host, the new one begins as that.

    >>> notes = {("a", "tcp", 1): {"title": "Old", "owner": "bob"}}
    >>> compare([(("a", "tcp", 1), {"title": "New"}, 7)], notes).conflicts[0].differences
    (Difference(field='title', ours='Old', theirs='New'),)
    """
    new, conflicts, same = [], [], 0
    for key, said, line in entries:
        ours = notes.get(key)
        if ours is None:
            begins = notes.get((EVERY_HOST, *key[1:]), {})
            new.append(Change(key, line, {**begins, **said}))
            continue
        differences = tuple(
            Difference(name, ours[name], theirs)
            for name, theirs in said.items()
            if ours[name] != theirs
        )
        if differences:
            conflicts.append(Change(key, line, said, differences))
        else:
            same += 1
    return Plan(tuple(new), tuple(conflicts), same)
