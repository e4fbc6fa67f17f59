"""What the two kinds of database have in common for a backup, and which of them is here."""

from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from portatlas.backup.archive import Tell
from portatlas.backup.contents import Contents
from portatlas.backup.manifest import Manifest


class Database(Protocol):
    """All methods raise BackupError; those that are given a file from a backup BadFileError."""

    vendor: str  # as Django calls it
    folder: Path  # for what is staged

    def save(self, copy: Path, tell: Tell) -> tuple[Contents, str]:
        """Copy it as it is at one moment; return what is in the copy, and the server's version."""

    def alone(self) -> AbstractContextManager[None]:
        """Make sure that nobody else uses it."""

    def contents(self) -> Contents | None:
        """Return what is in it now, None if that is nothing."""

    def prepare(self, staged: Path, manifest: Manifest) -> None:
        """Check what would take its place, and do to it all that can be done aside."""

    def replace(self, staged: Path, manifest: Manifest, at: datetime) -> Path | None:
        """Put it in its place, all or nothing; return where the old one is kept, if anywhere."""


def of(connection, data: Path) -> Database:
    """Return the database of an installation with this data directory."""
    if connection.vendor == "postgresql":
        from portatlas.backup.postgresql import PostgreSQL  # noqa: PLC0415  # its driver is an extra

        return PostgreSQL(connection, data)
    from portatlas.backup.sqlite import SQLite  # noqa: PLC0415  # one of the two is enough

    return SQLite(connection)
