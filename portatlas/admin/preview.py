"""What would be written into many notes: how many change, how many are new, and the first few."""

from typing import NamedTuple, Self

from notes.models import EVERY_HOST, PortNote, named
from notes.services import Key

SHOWN = 20  # ports that are named


class Line(NamedTuple):
    """A port that is chosen, and the note that would be written."""

    key: Key
    title: str
    fate: str  # in words

    @property
    def name(self) -> str:
        return named(self.key)


class Preview(NamedTuple):
    """What would be written: how many notes change, and how many are new."""

    total: int
    changed: int
    new: int
    inherited: int
    lines: list[Line]
    versions: dict[Key, int]  # of the ports' own notes, 0 for none

    @classmethod
    def of(cls, keys: list[Key]) -> Self:
        """Look at the notes of these ports, in one query."""
        hosts = {host_id for host_id, _protocol, _port in keys} | {EVERY_HOST}
        ports = {port for _host_id, _protocol, port in keys}
        notes = {
            note.key: note for note in PortNote.objects.filter(host_id__in=hosts, port__in=ports)
        }
        own = [key for key in keys if key in notes]
        inherited = [key for key in keys if key not in notes and (EVERY_HOST, *key[1:]) in notes]
        lines = []
        for key in keys[:SHOWN]:
            note = notes.get(key) or notes.get((EVERY_HOST, *key[1:]))
            fate = "its note changes"
            if note is None:
                fate = "gets a new note"
            elif note.key != key:
                fate = "gets a note of its own, which begins as the one for every host"
            lines.append(Line(key, note.title if note else "", fate))
        new = len(keys) - len(own) - len(inherited)
        versions = {key: notes[key].version if key in notes else 0 for key in keys}
        return cls(len(keys), len(own), new, len(inherited), lines, versions)

    @property
    def unnamed(self) -> int:
        return self.total - len(self.lines)
