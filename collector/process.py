"""One process, as /proc shows it: who it is, what it runs, which sockets it holds."""

from __future__ import annotations

import os
import pwd
from contextlib import suppress
from functools import lru_cache
from typing import NamedTuple

from collector.redact import redact
from collector.text import safe

LONGEST = 1 << 18  # bytes of a command line; some are megabytes long
MOSTLY = 1 << 12  # bytes that are nearly always enough: room for more costs more than the reading
DELETED = " (deleted)"
SOCKET = "socket:["
INIT_PID_NAMESPACE = "pid:[4026531836]"  # PROC_PID_INIT_INO, include/linux/proc_ns.h
TICKS = os.sysconf("SC_CLK_TCK")  # a second


class Kin(NamedTuple):
    """What little of a process it takes to tell who descends from whom."""

    name: str  # comm: at most 15 bytes, and its own choice (N28)
    parent: int
    started: float  # seconds from boot


class Process(NamedTuple):
    """A process at the time it was read. `(pid, started)` is which one it is (N34)."""

    pid: int
    started: float  # seconds from boot
    parent: int
    name: str  # comm: at most 15 bytes, and its own choice (N28)
    exe: str
    exe_is_deleted: bool
    cmdline: str  # secrets redacted
    user: str
    cgroup: str
    signature: tuple  # what changes when any of this does

    @property
    def is_systemd(self) -> bool:
        """Whether this is the system's or a user's service manager."""
        return (self.exe.rpartition("/")[2] or self.name) == "systemd"


def pids() -> set[int]:
    """Return the PIDs of every process that can be seen."""
    return {int(name) for name in os.listdir("/proc") if name.isdigit()}  # noqa: PTH208  # names, no paths


def read(pid: int) -> Process | None:
    """Return what a process is now, None when it has ended."""
    stat, status = _bytes(f"/proc/{pid}/stat"), _bytes(f"/proc/{pid}/status")
    if not stat or not status:
        return None
    own = _kin(stat)
    uid = status.partition(b"\nUid:")[2].split(None, 1)[0]
    exe, command = _link(f"/proc/{pid}/exe"), _bytes(f"/proc/{pid}/cmdline", LONGEST)
    return Process(
        pid,
        started=own.started,
        parent=own.parent,
        name=own.name,
        exe=safe(exe.removesuffix(DELETED), 4096),
        exe_is_deleted=exe.endswith(DELETED),
        cmdline=redact([os.fsdecode(each) for each in command.rstrip(b"\0").split(b"\0")]),
        user=user(int(uid)),
        cgroup=_own_cgroup(_bytes(f"/proc/{pid}/cgroup")),
        signature=_signature(stat, status, exe, command),
    )


def kin(pid: int) -> Kin | None:
    """Return name, parent and start of a process by a single read, None when it has ended."""
    stat = _bytes(f"/proc/{pid}/stat")
    return _kin(stat) if stat else None


def is_unchanged(known: Process) -> bool:
    """Whether a process, which still holds what it held, is what it was when it was read."""
    pid = known.pid
    stat, status = _bytes(f"/proc/{pid}/stat"), _bytes(f"/proc/{pid}/status")
    exe, command = _link(f"/proc/{pid}/exe"), _bytes(f"/proc/{pid}/cmdline", MOSTLY)
    return known.signature == _signature(stat, status, exe, command)


def sockets(pid: int) -> dict[int, int]:
    """Return the sockets that a process holds, inode to file number. Raises PermissionError."""
    if files := _files(f"/proc/{pid}/fd"):
        return _sockets(f"/proc/{pid}/fd", files)
    # A process whose first thread has ended shows its files in the others alone.
    found: dict[int, int] = {}
    for thread in _files(f"/proc/{pid}/task"):
        if thread != str(pid):
            folder = f"/proc/{pid}/task/{thread}/fd"
            found |= _sockets(folder, _files(folder))
    return found


def _files(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208  # names, no paths
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return []


def _sockets(folder: str, files: list[str]) -> dict[int, int]:
    found = {}
    for file in files:
        with suppress(FileNotFoundError, ProcessLookupError):  # it has just closed this one
            target = os.readlink(f"{folder}/{file}")  # noqa: PTH115  # "socket:[1]"
            if target.startswith(SOCKET):
                found[int(target[len(SOCKET) : -1])] = int(file)
    return found


def count_files(pid: int) -> int:
    """Return how many files a process has open, 0 where the kernel does not tell (before 6.2)."""
    try:
        return os.stat(f"/proc/{pid}/fd").st_size  # noqa: PTH116  # called for each process
    except OSError:
        return 0


def holds(pid: int, file: int, inode: int) -> bool:
    """Whether a file of a process is that very socket (N23)."""
    return _link(f"/proc/{pid}/fd/{file}") == f"{SOCKET}{inode}]"


def is_in_pid_namespace() -> bool:
    """Whether there may be processes that can't be seen from here (N35)."""
    return _link("/proc/self/ns/pid") != INIT_PID_NAMESPACE


@lru_cache(maxsize=1024)
def user(uid: int) -> str:
    """Return a user's name, or the number where there is none."""
    try:
        return safe(pwd.getpwuid(uid).pw_name)
    except (KeyError, OverflowError):
        return str(uid)


def _kin(stat: bytes) -> Kin:
    # A name may have parentheses in it; nothing behind it has (proc_pid_stat(5)).
    name = stat[stat.index(b"(") + 1 : stat.rindex(b")")]
    fields = stat[stat.rindex(b")") + 2 :].split(None, 20)
    return Kin(safe(name), parent=int(fields[1]), started=int(fields[19]) / TICKS)


def _signature(stat: bytes, status: bytes, exe: str, command: bytes) -> tuple:
    """Return what changes when a process becomes another, or what it calls itself changes."""
    head, _, tail = stat.rpartition(b") ")
    fields = tail.split(None, 20)
    uid = status.partition(b"\nUid:")[2].split(None, 1)[:1]
    return (head, fields[1:2], fields[19:20], uid, exe, hash(command[:MOSTLY]))


def _own_cgroup(text: bytes) -> str:
    """Return the path in the unified hierarchy, or else in that of systemd (cgroups(7))."""
    lines = [line.split(b":", 2) for line in text.splitlines() if line.count(b":") > 1]
    paths = {hierarchy: path for _, hierarchy, path in lines}
    return safe(paths.get(b"name=systemd") or paths.get(b"", b""), 4096)


def _bytes(path: str, limit: int = 1 << 16) -> bytes:
    """Return what /proc tells, b"" if it doesn't. A read that is not filled was the last."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # the process has ended, or is not ours to look into
        return b""
    try:
        found = os.read(file, MOSTLY)
        return found + os.read(file, limit - MOSTLY) if len(found) == MOSTLY else found
    except OSError:
        return b""
    finally:
        os.close(file)


def _link(path: str) -> str:
    try:
        return os.readlink(path)  # noqa: PTH115  # it may be no path: "socket:[123]"
    except OSError:
        return ""
