"""
A private folder for what is not finished, on the disk where it will be.

What somebody who was killed has left there goes when the next one comes.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = ".portatlas-unfinished-"


@contextmanager
def workspace(parent: Path) -> Iterator[Path]:
    """Make a folder (0700) in a folder, and take it away in the end with what is in it."""
    parent = parent.resolve()  # who names it may name a link; what is found in it is never followed
    making = _lock(parent)  # or another start takes a folder not yet locked for a dead one's
    try:
        _take_away_the_dead(parent)
        path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        mine = _lock(path)
    finally:
        os.close(making)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(mine)


def _lock(folder: Path, flags: int = fcntl.LOCK_EX) -> int:
    """Lock a folder and return the handle to close. The lock never outlives its process."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, flags)
    except OSError:
        os.close(handle)
        raise
    return handle


def _take_away_the_dead(parent: Path) -> None:
    """Remove folders of ours that nobody holds locked. In /tmp others may have put theirs."""
    for path in parent.glob(f"{PREFIX}*"):
        try:
            handle = _lock(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue  # alive, or no folder, or not ours
        try:
            if os.fstat(handle).st_uid == os.geteuid():
                shutil.rmtree(path, ignore_errors=True)
        finally:
            os.close(handle)
