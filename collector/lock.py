"""One sweep at a time: a lock that its holder's death releases."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)
