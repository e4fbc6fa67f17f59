"""The process that holds a lease: which one it is, and whether it still runs."""

import os
from pathlib import Path
from typing import Any

ENDED = b"ZXx"  # states of a process that has ended, but that its parent has not asked about yet
NO_PROCESS = {"pid_started_at": None, "pid_seen_in": ""}
TICK = 1 / os.sysconf("SC_CLK_TCK")  # seconds


class NoProcessError(Exception):
    """There is no such process on this machine."""


def identity(pid: int) -> dict[str, Any]:
    """
    Return what says, with its PID, which process it is: the columns of a reservation.

    `pid_started_at` is in seconds since boot: by the time of day it would be another one whenever
    the clock is set. `pid_seen_in` is the boot, and the namespace in which it has this PID.
    """
    found = _read(pid)
    if found is None or found[0] in ENDED:
        raise NoProcessError(f"No process {pid} runs on this machine.")
    return {"pid_started_at": found[1], "pid_seen_in": _here()}


def has_ended(pid: int, started: float | None, seen_in: str) -> bool:
    """
    Whether the process that held a lease has ended: another may have its PID by now.

    None outlives its boot. What can't be told has not ended: that of a process which may not be
    seen, or has its PID in the namespace of another container.
    """
    here = _here()
    boots = seen_in.partition(" ")[0], here.partition(" ")[0]
    if seen_in != here or not all(boots):
        return all(boots) and boots[0] != boots[1]
    found = _read(pid)
    if found is None:
        return not _is_hidden(pid)
    state, began = found
    return state in ENDED or (started is not None and abs(began - started) > TICK / 2)


def _here() -> str:
    """Return the boot, "" if it is not known, and the namespace of PIDs, as pid:[4026531836]."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


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
