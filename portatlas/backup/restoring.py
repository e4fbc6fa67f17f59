"""Restore a backup: all of it is checked and made ready aside, and then it takes its place."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from portatlas.backup import contents, disk, keys, manifest
from portatlas.backup.archive import Reader
from portatlas.backup.database import Database
from portatlas.backup.installation import Installation, KeyFate
from portatlas.backup.manifest import Manifest
from portatlas.backup.progress import Progress
from portatlas.backup.workspace import workspace


@dataclass(frozen=True)
class Restored:
    """What was restored, or would be: what it is, what was there before, and where that is kept."""

    manifest: Manifest
    before: Mapping[str, int]
    key: KeyFate
    kept: Path | None


def restore(  # noqa: PLR0913  # each is what the door alone knows
    source: BinaryIO,
    database: Database,
    here: Installation,
    *,
    at: datetime,
    dry_run: bool,
    progress: Progress,
) -> Restored:
    """
    Put what a file has in the place of what is here, or `dry_run`, and change nothing.

    Raises BadFileError and BackupError, and OSError as when a disk is full: then nothing has
    changed either.
    """
    reader = Reader(source)
    found = manifest.read(reader.small(manifest.NAME, manifest.LONGEST))
    found.refuse_unless_fits(
        version=here.version, database=database.vendor, known=contents.known_migrations()
    )
    with nullcontext() if dry_run else database.alone(), workspace(database.folder) as aside:
        staged = aside / found.member
        disk.need(found.size, aside)
        progress.begin("Reading the backup", found.size)
        with open(staged, "xb", opener=disk.private) as sink:
            reader.copy(found.member, found.size, sink, progress.add)
        key = reader.small(keys.NAME, keys.LONGEST) if found.has_key else None
        reader.check()
        brought = keys.read(key, found.key) if key is not None else None
        fate = here.fate(found.key, brought)
        progress.begin("Checking the database")
        database.prepare(staged, found)
        now = database.contents()
        kept = None
        if not dry_run:
            with here.taking(brought if fate is KeyFate.TAKEN else None, at):
                kept = database.replace(staged, found, at)
    return Restored(found, now.counts if now else {}, fate, kept)
