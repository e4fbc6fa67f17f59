"""What a backup must know of an installation beside its database, and the key that it may bring."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, auto
from pathlib import Path

from portatlas import datadir
from portatlas.backup import disk, keys


class KeyFate(StrEnum):
    """What comes of the secret key when a backup is restored."""

    SAME = auto()  # it was made with the key that is in use here
    TAKEN = auto()  # its own comes into the data directory
    OVERRULED = auto()  # its own is in the backup, but here the environment says which one it is
    MISSING = auto()  # the key here is another one, and its own is not in the backup


@dataclass(frozen=True)
class Installation:
    version: str
    host_id: str
    secret_key: str
    data: Path  # its directory
    key_source: str  # what the environment takes the key from, "" if it is that of the directory

    @property
    def key_file(self) -> Path:
        return self.data / datadir.SECRET_KEY

    @property
    def key_place(self) -> str:
        """Say where the key is that is in use."""
        return self.key_source or str(self.key_file)

    def fate(self, fingerprint: str, brought: str | None) -> KeyFate:
        """Say what comes of a backup's key: its fingerprint, and itself if the backup has it."""
        if keys.fingerprint(self.secret_key) == fingerprint:
            return KeyFate.SAME
        if brought is None:
            return KeyFate.MISSING
        return KeyFate.OVERRULED if self.key_source else KeyFate.TAKEN

    @contextmanager
    def taking(self, key: str | None, at: datetime) -> Iterator[None]:
        """Write a key aside, and put it into place, beside the old one, if all inside succeeds."""
        if key is None:
            yield
            return
        draft = self.key_file.with_name(f".{self.key_file.name}.{os.getpid()}")
        draft.unlink(missing_ok=True)  # of somebody who was killed; in a container PIDs come again
        try:
            with open(draft, "x", encoding="utf-8", opener=disk.private) as file:
                file.write(key)
            owner = self.key_file.stat()
            os.chown(draft, owner.st_uid, owner.st_gid)
            disk.keep(draft)
            with disk.kept_aside(self.key_file, at):
                yield
                disk.rename(draft, self.key_file)
        finally:
            draft.unlink(missing_ok=True)
