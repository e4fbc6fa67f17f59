"""What the holder of a token may do, beside what its user may. Pure."""

from collections.abc import Iterable
from enum import StrEnum


class Scope(StrEnum):
    """The scopes; `admin` holds all the others."""

    READ = "read"
    WRITE_NOTES = "notes:write"
    READ_RESERVATIONS = "reservations:read"
    WRITE_RESERVATIONS = "reservations:write"
    WRITE_SWEEPS = "sweeps:write"
    ADMIN = "admin"

    @property
    def meaning(self) -> str:
        return MEANINGS[self]


MEANINGS = {
    Scope.READ: "see ports, notes, events and hosts",
    Scope.WRITE_NOTES: "write and delete notes",
    Scope.READ_RESERVATIONS: "see reservations, their history, and how a port stands",
    Scope.WRITE_RESERVATIONS: "reserve, renew and release ports",
    Scope.WRITE_SWEEPS: "bring the sweeps of a host",
    Scope.ADMIN: "all that its user may",
}


def allows(granted: Iterable[str], needed: Scope) -> bool:
    """
    Whether scopes that were granted hold one that is needed.

    >>> allows(["notes:write"], Scope.READ), allows(["admin"], Scope.READ)
    (False, True)
    """
    return bool({needed, Scope.ADMIN} & set(granted))
