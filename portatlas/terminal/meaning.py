"""Which port a note on the command line is about, where it is not said in full."""

from dataclasses import dataclass
from typing import Self

from notes.models import EVERY_HOST, PortNote, named
from notes.services import Key
from portatlas.models import KEY, Port
from portatlas.terminal.target import Target

NAMES = 10  # of ports in one sentence
MOST = 1_000  # ports or notes of one number that are read


class AmbiguousError(ValueError):
    """Several ports may be meant."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """A port, the note of its own, and the one for every host that speaks in its place."""

    key: Key
    note: PortNote | None
    inherited: PortNote | None
    is_seen: bool

    @classmethod
    def of(cls, target: Target, *, here: str) -> Self:
        """
        Find the port that is meant, in two queries. A port that nobody knows is one `here`.

        What was seen and has notes of its own comes before notes for every host. Raises
        AmbiguousError with a sentence if several may be meant.
        """
        chosen = {name: value for name, value in target.chosen.items() if name != "host_id"}
        notes = PortNote.objects.select_related("updated_by").filter(**chosen)
        by_key = {note.key: note for note in notes[:MOST]}
        seen = set(Port.objects.filter(**chosen).values_list(*KEY)[:MOST])
        key = _only(target, seen, set(by_key)) or (
            target.host_id or here,
            target.protocol or PortNote.Protocol.TCP.value,
            target.port,
        )
        of_all = by_key.get((EVERY_HOST, *key[1:]))
        inherited = of_all if key[0] != EVERY_HOST and key not in by_key else None
        is_seen = key in seen or (
            key[0] == EVERY_HOST and any(key[1:] == each[1:] for each in seen)
        )
        return cls(key, by_key.get(key), inherited, is_seen)


def _only(target: Target, seen: set[Key], noted: set[Key]) -> Key | None:
    """Return the one port that may be meant, None if nobody knows any."""
    if target.host_id:
        keys = {key for key in seen | noted if key[0] == target.host_id}
        # A host that nobody knows the port of: what others have there tells the protocol.
        keys = keys or {(target.host_id, *key[1:]) for key in seen | noted}
    else:
        of_all = {key for key in noted if key[0] == EVERY_HOST}
        keys = (seen | noted) - of_all or of_all
    if len(keys) > 1:
        names = [named(key) for key in sorted(keys)]
        listed = ", ".join(names[:NAMES]) + (", …" if len(names) > NAMES else "")
        raise AmbiguousError(
            f"{target} may be one of {len(names)}: {listed}. Say which, as host:port/protocol."
        )
    return next(iter(keys), None)
