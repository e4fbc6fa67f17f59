"""Make a backup: the database as it is at one moment, with what says so, in one file."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from portatlas.backup import contents, disk, keys, manifest
from portatlas.backup.archive import Writer
from portatlas.backup.database import Database
from portatlas.backup.installation import Installation
from portatlas.backup.manifest import Manifest
from portatlas.backup.progress import Progress
from portatlas.backup.workspace import workspace


@dataclass(frozen=True)
class Making:
    """
    How a backup is made of what, and when. Whether it has the secret key is `with_key`.

    The methods raise BadFileError and BackupError, and OSError as when a disk is full.
    """

    database: Database
    here: Installation
    at: datetime
    with_key: bool
    progress: Progress

    def into_file(self, file: Path, *, force: bool) -> Manifest:
        """Write it into a file (0600), whole or not at all; `force` replaces one, in the end."""
        disk.refuse_taken(file, force=force)
        with workspace(file.parent) as aside:
            copy, whole = aside / "database", aside / "backup"
            made = self._save(copy)
            disk.need(made.size, aside)
            with open(whole, "xb", opener=disk.private) as out:
                self._pack(made, copy, out)
            disk.keep(whole)
            disk.refuse_taken(file, force=force)
            disk.rename(whole, file)
        return made

    def into_pipe(self, out: BinaryIO) -> Manifest:
        """Write it to whoever reads; meanwhile a copy lies in the data directory."""
        with workspace(self.here.data) as aside:
            copy = aside / "database"
            made = self._save(copy)
            self._pack(made, copy, out)
            out.flush()
        return made

    def _save(self, copy: Path) -> Manifest:
        self.progress.begin("Copying the database")
        found, server = self.database.save(copy, self.progress.add)
        contents.refuse_newer(found, contents.known_migrations())
        return Manifest(
            version=self.here.version,
            database=self.database.vendor,
            server=server,
            made_at=self.at,
            host_id=self.here.host_id,
            key=keys.fingerprint(self.here.secret_key),
            has_key=self.with_key,
            migrations=found.migrations,
            counts=found.counts,
            size=copy.stat().st_size,
        )

    def _pack(self, made: Manifest, copy: Path, out: BinaryIO) -> None:
        writer = Writer(out, self.at)
        writer.add(manifest.NAME, made.as_bytes())
        self.progress.begin("Writing the backup", made.size)
        with copy.open("rb") as database:
            writer.add_from(database, made.member, made.size, self.progress.add)
        if self.with_key:
            writer.add(keys.NAME, self.here.secret_key.encode())
        writer.close()
