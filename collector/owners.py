"""Who holds a socket: the processes behind the names and PIDs that `ss` only hints at."""

import os
import pwd
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

import psutil

from collector import cgroup
from collector.redact import redact
from collector.ss import Socket
from collector.sweep import Owner, OwnersSeen, OwnerState
from collector.text import safe

INIT_PID_NAMESPACE = "pid:[4026531836]"  # PROC_PID_INIT_INO, include/linux/proc_ns.h


@dataclass(frozen=True, slots=True)
class Owners:
    """The owner of each group of sockets, and whether all could be seen."""

    found: tuple[Owner, ...]
    seen: OwnersSeen
    reason: str = ""


def resolve(groups: Iterable[Collection[Socket]]) -> Owners:
    """
    Find the owner of each group of sockets on this machine.

    A PID that `ss` names is believed only when that process holds the very socket
    (N23, N34), so neither a forged name nor a reused PID can take a port over.
    Sockets that `ss` could not attribute are looked for once more, since it lists
    processes before sockets and misses whoever came in between (N32).
    """
    groups = list(groups)
    pids = {each.inode: _verified(each) for group in groups for each in group if each.inode}
    lost = {inode for inode, found in pids.items() if not found}
    truncated = {each.inode for group in groups for each in group if each.users_truncated}
    late, hidden = _holders(lost | truncated)
    for inode, found in late.items():
        pids[inode] |= found

    missing = OwnerState.UNKNOWN
    if hidden:
        missing = OwnerState.NOT_PERMITTED
    elif _is_in_pid_namespace():
        missing = OwnerState.OUTSIDE_VIEW
    owners = [
        _owner(group, set().union(*(pids.get(each.inode, set()) for each in group)), missing)
        for group in groups
    ]
    return Owners(tuple(owners), *_visibility(owners, _excuse(hidden)))


def recorded(groups: Iterable[Collection[Socket]], *, with_users: bool) -> Owners:
    """
    Return the owners that saved output names; there is no process left to ask.

    Of several PIDs the lowest leads: a worker is forked later than its master.
    """
    missing = OwnerState.OUTSIDE_VIEW if with_users else OwnerState.NOT_PERMITTED
    owners = []
    for group in groups:
        names = {user.pid: user.name for each in group for user in each.users}
        if names:
            pids = tuple(sorted(names))
            name = safe(names[pids[0]], 255)
            owners.append(Owner(OwnerState.KNOWN, pids, name, **_place(group, str)))
        else:
            owners.append(Owner(_without_process(group, missing), **_place(group, str)))
    why = "ss did not name them" if with_users else "it was saved without privileges"
    return Owners(tuple(owners), *_visibility(owners, why))


def _verified(socket: Socket) -> set[int]:
    target = f"socket:[{socket.inode}]"
    return {user.pid for user in socket.users if _link(f"/proc/{user.pid}/fd/{user.fd}") == target}


def _link(path: str) -> str:
    try:
        return os.readlink(path)  # noqa: PTH115  # the target is no path: "socket:[123]"
    except OSError:  # the process has ended, closed the file or is not ours to look into
        return ""


def _holders(inodes: Collection[int]) -> tuple[dict[int, set[int]], int]:
    """Return the PIDs that hold these sockets, and how many processes could not be looked into."""
    found: dict[int, set[int]] = {}
    hidden = 0
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    for pid in psutil.pids() if wanted else ():
        try:
            targets = _files(pid)
        except PermissionError:  # a security module may forbid it even to root
            hidden += 1
        else:
            for target in targets & wanted.keys():
                found.setdefault(wanted[target], set()).add(pid)
    return found, hidden


def _files(pid: int) -> set[str]:
    """Return what the open files of a process are. Raises PermissionError."""
    targets = set()
    try:
        files = os.listdir(f"/proc/{pid}/fd")  # noqa: PTH208  # names, no paths
    except FileNotFoundError:  # it has just ended
        files = []
    for file in files:
        with suppress(FileNotFoundError):  # it has just closed this one
            targets.add(os.readlink(f"/proc/{pid}/fd/{file}"))  # noqa: PTH115  # "socket:[1]"
    return targets


@cache
def _is_in_pid_namespace() -> bool:
    return _link("/proc/self/ns/pid") != INIT_PID_NAMESPACE


def _owner(group: Collection[Socket], pids: Collection[int], missing: OwnerState) -> Owner:
    leader = _leader(pids)
    if leader is None:
        return Owner(_without_process(group, missing), **_place(group))
    with leader.oneshot():
        return Owner(
            OwnerState.KNOWN,
            (leader.pid, *sorted(set(pids) - {leader.pid})),
            process_name=safe(_ask(leader.name), 255),
            cmdline=redact(_ask(leader.cmdline) or []),
            exe=safe(_ask(leader.exe), 4096),
            **_place(group) | {"user": safe(_ask(leader.username), 255)},
        )


def _leader(pids: Iterable[int]) -> psutil.Process | None:
    """Return the process that started first: the master of a forking server (N17)."""
    alive = []
    for pid in pids:
        try:
            process = psutil.Process(pid)
            alive.append((process.create_time(), pid, process))
        except psutil.Error:  # it ended since: the next sweep will see what became of its socket
            continue
    return min(alive)[2] if alive else None


def _ask(question):
    try:
        return question()
    except (psutil.Error, OSError):
        return ""


def _without_process(group: Collection[Socket], missing: OwnerState) -> OwnerState:
    # A socket that no process ever opened has no inode: NFS, WireGuard (N45).
    told = [each for each in group if each.cookie]
    return OwnerState.KERNEL if told and not any(each.inode for each in told) else missing


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _place(group: Collection[Socket], name: Callable[[int], str] = _user) -> dict[str, str]:
    """Return what the sockets themselves say of their owner: user, unit, container."""
    paths = [each.cgroup for each in group if each.cgroup]
    uids = [each.uid for each in group if each.uid is not None]
    return {
        "user": name(uids[0]) if uids else "",
        "unit": next(filter(None, map(cgroup.unit_of, paths)), ""),
        "container": next(filter(None, map(cgroup.container_of, paths)), ""),
    }


def _visibility(owners: Collection[Owner], why: str) -> tuple[OwnersSeen, str]:
    invisible = {OwnerState.NOT_PERMITTED, OwnerState.OUTSIDE_VIEW}
    blind = sum(each.state in invisible for each in owners)
    if not blind:
        return OwnersSeen.ALL, ""
    seen = OwnersSeen.NONE if blind == len(owners) else OwnersSeen.SOME
    return seen, f"The owners of {blind} of {len(owners)} ports can't be seen: {why}."


def _excuse(hidden: int) -> str:
    """Say why owners can't be seen on this machine, and what would help."""
    if not hidden:
        return "their processes live outside the collector's PID namespace"
    processes = "1 process" if hidden == 1 else f"{hidden} processes"
    if os.geteuid():
        return (
            f"{processes} may not be looked into; run the collector as root, or with "
            "CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH"
        )
    return (
        f"{processes} may not be looked into even by root; the kernel's security policy or "
        "a container's limits forbid it"
    )
