"""One sweep at a time, and one watch: locks that their holder's death releases."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import time
from typing import TextIO

WATCH = "watch.lock"
HANGS_AFTER = 180  # seconds in which a watch does not stir; one that lives does so each minute


class SweepRunningError(Exception):
    """Another process is looking at this machine right now."""


@contextmanager
def sweep_lock(folder: Path) -> Iterator[None]:
    """Hold the lock of this machine's sweep. Raises SweepRunningError when somebody has it."""
    with open(folder / "collect.lock", "a", opener=_private) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise SweepRunningError("A sweep of this host is already running.") from exc
        yield


@contextmanager
def watch_lock(folder: Path, waits: Callable[[], None]) -> Iterator[TextIO]:
    """
    Hold the lock of this machine's watch; the holder writes into it what others are to know.

    Where somebody has it `waits` is called, and then it is waited for.
    """
    with open(folder / WATCH, "a", opener=_private, encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waits()
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        yield file


def watched(folder: Path) -> str | None:
    """Return what the watch of this machine has written, None when none runs."""
    with suppress(FileNotFoundError), (folder / WATCH).open(encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return file.read()
    return None


def stir(file: TextIO) -> None:
    """Show that the watch which holds this lock goes on."""
    os.utime(file.fileno())


def hangs(folder: Path) -> bool:
    """Whether the watch of this machine, if any, was stopped or hangs: it looks no more."""
    try:
        stirred_at = (folder / WATCH).stat().st_mtime
    except FileNotFoundError:
        return False
    return time() - stirred_at > HANGS_AFTER


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)
