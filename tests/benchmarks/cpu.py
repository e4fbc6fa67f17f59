"""CPU time, user and system together, in seconds: a clock that other programs can't disturb."""

import os
import resource
from collections.abc import Callable, Sequence

SILENCE = [
    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
    (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
    (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
]


def of_call(call: Callable[[], object]) -> float:
    """Return what a call costs this process and the children that it waits for."""
    before = _used()
    call()
    return _used() - before


def of_command(command: Sequence[str]) -> float:
    """Return what a command costs by itself. Its output is thrown away, which costs nothing."""
    pid = os.posix_spawnp(command[0], command, os.environ | {"LC_ALL": "C"}, file_actions=SILENCE)
    return _sum(os.wait4(pid, 0)[2])


def _used() -> float:
    return sum(map(_sum, map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))))


def _sum(usage: resource.struct_rusage) -> float:
    return usage.ru_utime + usage.ru_stime
