"""Who owns a port: the program behind the processes that hold its sockets."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from collector import cgroup, containers, kernel, process, roles, units
from collector.ancestry import Ancestry
from collector.containers import Containers
from collector.process import Process
from collector.ss import Socket
from collector.sweep import Owner, OwnersSeen, OwnerState, Protocol
from collector.text import safe

INVISIBLE = {OwnerState.NOT_PERMITTED, OwnerState.OUTSIDE_VIEW}


@dataclass
class Outside:
    """What others know of ports and processes, asked at most once, and only if need be."""

    _containers: Containers | None = None
    _units: Mapping[tuple[Protocol, int], units.SocketUnit] | None = None
    evidence: kernel.Evidence = field(default_factory=kernel.Evidence)
    ancestry: Ancestry = field(default_factory=Ancestry)

    @property
    def containers(self) -> Containers:
        if self._containers is None:
            self._containers = containers.running()
        return self._containers

    @property
    def units(self) -> Mapping[tuple[Protocol, int], units.SocketUnit]:
        if self._units is None:
            self._units = units.sockets()
        return self._units


def leader_of(holders: Collection[Process]) -> Process | None:
    """
    Return the process that speaks for all that share a socket.

    That is the ancestor of the others, the master of a forking server (N17); of several, the
    one that started first. systemd, which keeps what it hands to a service, speaks for
    nobody but itself (N46).
    """
    services = [each for each in holders if not each.is_systemd] or holders
    pids = {each.pid for each in services}
    heads = [each for each in services if each.parent not in pids]
    return min(heads or services, key=lambda each: (each.started, each.pid), default=None)


def owner_of(
    group: Collection[Socket],
    holders: Collection[Process],
    *,
    booted_at: datetime | None,
    missing: OwnerState,
    outside: Outside,
) -> Owner:
    """
    Return the owner of the sockets of one port.

    `missing` is what it means on this machine that no holder was found.
    """
    leader = leader_of(holders)
    if leader is None:
        return _without_process(group, missing, outside.evidence)
    first = next(iter(group))
    place = _place([leader.cgroup] if leader.cgroup else (each.cgroup for each in group))
    # The managers of users are not asked; the socket's own control group names its unit.
    socket_unit = next(filter(None, (cgroup.socket_unit_of(each.cgroup) for each in group)), "")
    unit = place["unit"]
    if any(each.is_systemd for each in holders):
        known = outside.units.get((first.protocol, first.port))
        if known:
            socket_unit, unit = known.name, known.service
        elif leader.is_systemd:
            unit = ""  # that of the manager itself
    container = None
    if may_be_proxy := containers.is_proxy(leader.name, leader.exe):
        addresses = {each.address for each in group}
        container = outside.containers.publishing(first.protocol, first.port, addresses)
    if not container and place["container"]:
        container = outside.containers.with_id(place["container"])
    # An engine also listens for itself: dockerd for its own API.
    is_proxy = may_be_proxy and (container is not None or not leader.name.startswith("dockerd"))
    return Owner(
        OwnerState.KNOWN,
        (leader.pid, *sorted({each.pid for each in holders} - {leader.pid})),
        leader.name,
        leader.cmdline,
        leader.exe,
        leader.user,
        leader.exe_is_deleted,
        booted_at and booted_at + timedelta(seconds=leader.started),
        roles.role_of(
            leader.name, leader.exe, leader.cmdline, is_proxy=is_proxy, socket_unit=socket_unit
        ),
        unit,
        socket_unit,
        container.id if container else place["container"],
        container.name if container else "",
        container.image if container else "",
        container.compose_service if container else "",
        outside.ancestry.of(leader),
    )


def recorded(groups: Iterable[Collection[Socket]], *, with_users: bool) -> list[Owner]:
    """
    Return the owners that saved output names; there is no process left to ask.

    Of several PIDs the lowest leads: a worker is forked later than its master.
    """
    missing = OwnerState.OUTSIDE_VIEW if with_users else OwnerState.NOT_PERMITTED
    owners = []
    for group in groups:
        names = {user.pid: user.name for each in group for user in each.users}
        place = {"user": _user(group, str)} | _place(each.cgroup for each in group)
        if names:
            pids = tuple(sorted(names))
            name = safe(names[pids[0]], 255)
            owners.append(Owner(OwnerState.KNOWN, pids, name, **place))
        else:
            state = OwnerState.KERNEL if _has_no_inode(group) else missing
            owners.append(Owner(state, **place))
    return owners


def visibility(owners: Collection[Owner], why: str) -> tuple[OwnersSeen, str]:
    """Say whether all owners could be seen, and if not, why not."""
    blind = sum(each.state in INVISIBLE for each in owners)
    if not blind:
        return OwnersSeen.ALL, ""
    seen = OwnersSeen.NONE if blind == len(owners) else OwnersSeen.SOME
    return seen, f"The owners of {blind} of {len(owners)} ports can't be seen: {why}."


def missing_state(hidden: Collection[int]) -> OwnerState:
    """Say what it means on this machine that nobody was found to hold a socket."""
    if hidden:
        return OwnerState.NOT_PERMITTED
    return OwnerState.OUTSIDE_VIEW if process.is_in_pid_namespace() else OwnerState.UNKNOWN


def excuse(hidden: Collection[int]) -> str:
    """Say why owners can't be seen on this machine, and what would help (N29, N30, N31)."""
    if not hidden:
        return "their processes live outside the collector's PID namespace"
    # Not how many: that changes with every process, and a changed excuse is written down.
    if os.geteuid():
        return (
            "there are processes that may not be looked into; run the collector as root, or "
            "with CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH"
        )
    return (
        "there are processes that may not be looked into even by root; the kernel's security "
        "policy or a container's limits forbid it"
    )


def _without_process(
    group: Collection[Socket], missing: OwnerState, evidence: kernel.Evidence
) -> Owner:
    first = next(iter(group))
    is_unheld = missing is OwnerState.UNKNOWN
    name = kernel.listener(first.protocol, first.port, evidence, is_unheld=is_unheld)
    if name or _has_no_inode(group):
        return Owner(OwnerState.KERNEL, process_name=name)
    return Owner(missing, user=_user(group), **_place(each.cgroup for each in group))


def _has_no_inode(group: Collection[Socket]) -> bool:
    """Tell a socket that no process ever opened (N45)."""
    told = [each for each in group if each.cookie]
    return bool(told) and not any(each.inode for each in told)


def _user(group: Collection[Socket], name: Callable[[int], str] = process.user) -> str:
    return next((name(each.uid) for each in group if each.uid is not None), "")


def _place(cgroups: Iterable[str]) -> dict[str, str]:
    """Return unit and container, by the first control group that tells."""
    paths = [path for path in cgroups if path]
    return {
        "unit": next(filter(None, map(cgroup.unit_of, paths)), ""),
        "container": next(filter(None, map(cgroup.container_of, paths)), ""),
    }
