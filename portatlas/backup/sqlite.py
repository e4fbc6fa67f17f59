"""
SQLite: a copy by its own backup API, and a file in the place of another.

A copy is of one moment, whoever writes meanwhile: a transaction that reads holds what it saw,
and in WAL mode it makes no writer wait.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path

import psutil
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db.migrations.exceptions import InconsistentMigrationHistory

from collector.text import safe
from portatlas.backup import contents, disk
from portatlas.backup.archive import Tell
from portatlas.backup.contents import Contents
from portatlas.backup.faults import BackupError, BadFileError
from portatlas.backup.manifest import Manifest

PAGES = 1024  # copied between two looks at how far it is
PATIENCE = 5  # seconds for somebody who is just about to close it
PRIMARY = 0xFF  # the bits of an error code that say what it is; the others say it more closely
OF_THE_DISK = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}
SIDE_FILES = ("-wal", "-shm", "-journal")  # what belongs to a database beside its file


class SQLite:
    """The database of an installation that is one file."""

    vendor = "sqlite"

    def __init__(self, connection):
        self.file = Path(connection.settings_dict["NAME"]).resolve()
        self.folder = self.file.parent
        self._django = connection
        self._lock = None

    def size(self) -> int:
        """Return how many bytes it has, of which a copy has no more."""
        files = [self.file, self.file.with_name(f"{self.file.name}-wal")]
        return sum(file.stat().st_size for file in files if file.exists())

    # Backup

    def save(self, copy: Path, tell: Tell) -> tuple[Contents, str]:
        """Copy it into a new file; return what is in the copy, and the version of SQLite."""
        disk.need(self.size(), copy.parent)
        copy.touch(mode=0o600)
        with (
            _faults(self.file),
            closing(_open(self.file)) as source,
            closing(_open(copy)) as target,
        ):
            target.execute("PRAGMA journal_mode = OFF")
            target.execute("PRAGMA synchronous = OFF")
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_master")  # from here on it is that moment
            size, left = source.execute("PRAGMA page_size").fetchone()[0], None

            def progress(_status, remaining, total):
                nonlocal left
                tell(size * ((total if left is None else left) - remaining))
                left = remaining

            source.backup(target, pages=PAGES, progress=progress)
        with _faults(copy), closing(_open(copy)) as target:
            target.execute("PRAGMA journal_mode = DELETE")  # one file, without the log of WAL mode
            if (fault := target.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
                raise BackupError(
                    f"The database {self.file} is damaged ({fault}), and so would the backup be. "
                    "Restore the last good one, or mend it with the tool sqlite3: .recover"
                )
            found = _contents(target)
        if found is None:
            raise BackupError(f"There is nothing in {self.file} yet: run migrate, or up, first.")
        return found, sqlite3.sqlite_version

    # Restore

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold it so that nobody else has it open. Raises BackupError, saying who has."""
        self._django.close()
        if not self.file.exists():
            self.file.touch(mode=0o600)  # as `datadir` begins a database of its own
        with _faults(self.file):
            lock = _open(self.file, PATIENCE)
        with closing(lock):
            try:
                # Both are for him alone who is the only one; the first takes away the log, too.
                lock.execute("PRAGMA journal_mode = DELETE").fetchone()
                lock.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError as exc:
                if exc.sqlite_errorcode & PRIMARY != sqlite3.SQLITE_BUSY:
                    raise _fault(exc, self.file) from exc
                raise self._held() from exc
            except sqlite3.DatabaseError as exc:  # that it is damaged is why one restores
                if self._holders():
                    raise self._held() from exc
            self._lock = lock
            yield
        self._lock = None

    def contents(self) -> Contents | None:
        """Return what is in it now, None if that is nothing, or can't be read."""
        try:
            if self._lock:
                return _contents(self._lock)
            with closing(_open(self.file)) as reader:
                return _contents(reader)
        except sqlite3.DatabaseError:
            return None

    def prepare(self, staged: Path, manifest: Manifest) -> None:
        """Check what would take its place and bring it up to date. Raises BadFileError."""
        try:
            with closing(_open(staged)) as database:
                faults = database.execute("PRAGMA integrity_check(1)").fetchall()
                if faults != [("ok",)] or database.execute("PRAGMA foreign_key_check").fetchone():
                    raise BadFileError(
                        "This backup can't be used: the database in it is damaged "
                        f"({faults[0][0]}). Take another one."
                    )
                contents.refuse_others(_contents(database), manifest)
        except sqlite3.DatabaseError as exc:
            raise BadFileError(
                f"This backup can't be used: the database in it can't be read ({exc})."
            ) from exc
        try:
            with _in_place_of_ours(staged):
                contents.migrate()
        except (DatabaseError, InconsistentMigrationHistory) as exc:
            if getattr(exc.__cause__, "sqlite_errorcode", 0) & PRIMARY in OF_THE_DISK:
                raise _fault(exc.__cause__, staged) from exc
            raise BadFileError(
                f"This backup can't be brought up to date: {safe(str(exc), 300)}."
            ) from exc

    def replace(self, staged: Path, manifest: Manifest, at: datetime) -> Path | None:
        """
        Put a prepared file in its place; return where the old one is kept, if there was one.

        At every moment the old one is there or the new one, and whole.
        """
        old = self.file.stat()
        os.chown(staged, old.st_uid, old.st_gid)
        disk.keep(staged)
        if not old.st_size:
            disk.rename(staged, self.file)
            return None
        with disk.kept_aside(self.file, at) as kept:
            for suffix in SIDE_FILES:  # only a damaged one still has them
                with suppress(FileNotFoundError):
                    self.file.with_name(self.file.name + suffix).rename(f"{kept}{suffix}")
            disk.rename(staged, self.file)
        return kept

    def _held(self) -> BackupError:
        who = ", ".join(self._holders()) or "somebody whom only root can see"
        return BackupError(
            f"The database {self.file} is in use by {who}. Nothing has changed: "
            "stop up, or the web server, the workers and beat, and say it again."
        )

    def _holders(self) -> list[str]:
        """Return which processes, of those that may be looked at, have it open."""
        holders = []
        for process in psutil.process_iter(["name"]):
            with suppress(psutil.Error, OSError):
                if process.pid != os.getpid() and any(
                    file.path == str(self.file) for file in process.open_files()
                ):
                    holders.append(f"{process.info['name']} (process {process.pid})")
        return holders


def _open(file: Path, timeout: float = 20) -> sqlite3.Connection:
    """Open what is there: nothing is made where there is nothing."""
    return sqlite3.connect(
        f"{file.as_uri()}?mode=rw", uri=True, timeout=timeout, isolation_level=None
    )


def _contents(database: sqlite3.Connection) -> Contents | None:
    tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return contents.read(database.cursor(), {name for (name,) in tables})


@contextmanager
def _faults(file: Path) -> Iterator[None]:
    """Say in words what SQLite can't do with a file."""
    try:
        yield
    except sqlite3.Error as exc:
        raise _fault(exc, file) from exc


def _fault(exc: sqlite3.Error, file: Path) -> BackupError:
    return BackupError(
        f"SQLite could not do it: {exc} ({file}). Nothing has changed: look at the disk, and at "
        "who may read and write there."
    )


@contextmanager
def _in_place_of_ours(file: Path) -> Iterator[None]:
    """Have Django take another file for the database of this installation."""
    ours = connections[DEFAULT_DB_ALIAS]
    other = ours.copy()
    other.settings_dict["NAME"] = file
    # The log of WAL mode goes into the file when that is closed, and nobody hears if it can't.
    other.settings_dict["OPTIONS"] |= {"init_command": "PRAGMA journal_mode = DELETE"}
    connections[DEFAULT_DB_ALIAS] = other
    try:
        yield
    finally:
        other.close()
        connections[DEFAULT_DB_ALIAS] = ours
