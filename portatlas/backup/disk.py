"""Room on a disk, and names on it that change at once and stay."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from portatlas.backup.faults import BackupError, BadFileError

SPARE = 2**24  # bytes that are left to those who write to the same disk


def need(size: int, folder: Path) -> None:
    """Raise BackupError unless so many bytes fit on the disk of a folder."""
    free = shutil.disk_usage(folder).free
    if free < size + SPARE:
        raise BackupError(
            f"There is too little room in {folder}: {in_bytes(size + SPARE)} are needed for a "
            f"while, and {in_bytes(free)} are free. Nothing has changed: make room there."
        )


def in_bytes(size: float) -> str:
    """
    Say a number of bytes.

    >>> in_bytes(999), in_bytes(5_368_709_120)
    ('999 B', '5.4 GB')
    """
    if size < 1000:
        return f"{size} B"
    for unit in ("kB", "MB", "GB"):
        size /= 1000
        if size < 1000:
            return f"{size:.1f} {unit}"
    return f"{size / 1000:.1f} TB"


def private(path: str | Path, flags: int) -> int:
    """Open a new file as its owner's alone; an `opener` for open()."""
    return os.open(path, flags | os.O_NOFOLLOW, mode=0o600)


def keep(path: Path) -> None:
    """Have the disk keep a file as it is now, whatever happens."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def rename(one: Path, other: Path) -> None:
    """Put a file that the disk keeps in the place of another, at once and for good."""
    one.replace(other)
    with suppress(OSError):  # a disk that can't be told so does it by itself
        keep(other.parent)


@contextmanager
def kept_aside(file: Path, at: datetime) -> Iterator[Path]:
    """Give a file a second name, under which it stays once another has its place; yield that."""
    kept = file.with_name(f"{file.name}.before-{at:%Y%m%dT%H%M%SZ}")
    kept.hardlink_to(file)
    try:
        yield kept
    except BaseException:
        if kept.samefile(file):  # else this is the only name that it has
            kept.unlink()
        raise


def refuse_taken(file: Path, *, force: bool) -> None:
    """Raise BadFileError unless a file may be written there."""
    if not file.parent.is_dir():
        raise BadFileError(f"There is no folder {file.parent}. Make it, or name another file.")
    if file.exists() and not file.is_file():
        raise BadFileError(f"{file} is no file. Name one, or - for standard output.")
    if file.exists() and not force:
        raise BadFileError(f"{file} is there already. Name another file, or say --force.")
