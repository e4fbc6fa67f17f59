"""The process that holds a lease: which one it is, and whether it still runs."""

import os
from pathlib import Path

ENDED = b"ZXx"  # states of a process that has ended, but that its parent has not asked about yet
TICK = 1 / os.sysconf("SC_CLK_TCK")  # seconds


class NoProcessError(Exception):
    """There is no such process on this machine."""


def started_at(pid: int) -> float:
    """
    Return when a process started, which with its PID says which one it is.

    In seconds since boot: by the time of day it would be another one whenever the clock is set.
    """
    found = _read(pid)
    if found is None or found[0] in ENDED:
        raise NoProcessError(f"No process {pid} runs on this machine.")
    return found[1]


def has_ended(pid: int, started: float | None) -> bool:
    """
    Whether the process that held a lease has ended: another may have its PID by now.

    What can't be told, because it may not be seen, has not ended.
    """
    found = _read(pid)
    if found is None:
        return not _is_hidden(pid)
    state, began = found
    return state in ENDED or (started is not None and abs(began - started) > TICK / 2)


def _read(pid: int) -> tuple[bytes, float] | None:
    """Return state and start of a process, None if there is none to be seen."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # A name may have parentheses in it; nothing behind it has (proc_pid_stat(5)).
    fields = stat[stat.rindex(b")") + 2 :].split()
    return fields[0], int(fields[19]) * TICK


def _is_hidden(pid: int) -> bool:
    """Whether a process is there that /proc does not show, as one of another user may be."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True
