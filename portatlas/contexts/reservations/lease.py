"""The process that holds a lease: which one it is, and whether it still runs."""

import psutil


class NoProcessError(Exception):
    """There is no such process on this machine."""


def started_at(pid: int) -> float:
    """Return when a process started, which with its PID says which one it is. Seconds of Unix."""
    try:
        return psutil.Process(pid).create_time()
    except (psutil.Error, OverflowError, ValueError) as exc:
        raise NoProcessError(f"No process {pid} runs on this machine.") from exc


def has_ended(pid: int, started: float | None) -> bool:
    """
    Whether the process that held a lease has ended: another may have its PID by now.

    What can't be told, because it may not be seen, has not ended.
    """
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return True
        return started is not None and abs(process.create_time() - started) > 1
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False
