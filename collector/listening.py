"""Sockets become listeners: one for each (protocol, port), with the owner of its sockets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime
from itertools import chain
from operator import attrgetter
from time import monotonic

from collector import machine, owners, process, well_known
from collector.addresses import scope_of
from collector.holders import Holders
from collector.owners import Outside
from collector.process import Process
from collector.ss import Socket
from collector.sweep import Endpoint, Listener, Owner, OwnerState, Protocol, Role

ASKED_EVERY = 300  # seconds; containers and units may be renamed without a new socket

Key = tuple[Protocol, int]
Groups = dict[Key, tuple[Socket, ...]]


def grouped(sockets: Iterable[Socket]) -> Groups:
    """Return the sockets of each (protocol, port), in order."""
    groups: Groups = {}
    for socket in sockets:
        key = socket.protocol, socket.port
        groups[key] = (*groups[key], socket) if key in groups else (socket,)
    return {key: groups[key] for key in sorted(groups)}


def endpoint(socket: Socket, pid: int | None = None, process_name: str = "") -> Endpoint:
    """Return a socket as the endpoint that it is."""
    return Endpoint(
        socket.address,
        socket.device,
        scope_of(socket.address, socket.device),
        socket.backlog,
        socket.limit,
        socket.cookie,
        socket.inode,
        socket.family,
        pid,
        process_name,
    )


def listener(
    endpoints: Iterable[Endpoint],
    owner: Owner,
    socket: Socket,
    *,
    ephemeral: Collection[int],
    hint: str = "",
) -> Listener:
    """Return the listener that these endpoints make; `socket` is any of them."""
    return Listener(
        socket.protocol,
        socket.port,
        # In an order that no look can change.
        tuple(sorted(endpoints, key=attrgetter("address", "device", "cookie", "inode"))),
        owner,
        is_client=(
            socket.protocol is Protocol.UDP
            and socket.port in ephemeral
            and owner.role is Role.SERVER
            and owner.state is not OwnerState.KERNEL
        ),
        well_known=hint,
    )


class Listening:
    """
    The listeners of this machine. What did not change since the last look is not built again.

    All of it is a cache, begun by `learn`, which needs sockets with their users.
    """

    def __init__(self, booted_at: datetime | None):
        self._booted_at = booted_at
        self.listeners: tuple[Listener, ...] = ()
        self._built: dict[Key, Listener] = {}
        self._sockets: Collection[Socket] = ()
        self._groups: Groups = {}
        self._holders = Holders()
        self._processes: dict[int, Process] = {}
        self._outside = Outside()
        self._asked_at = monotonic()
        self._missing = OwnerState.UNKNOWN

    @property
    def hidden(self) -> Collection[int]:
        """The processes that may not be looked into."""
        return self._holders.hidden

    def learn(self, sockets: Collection[Socket], pids: Collection[int]) -> None:
        """Begin with what `ss -p` told; see `Holders.learn`."""
        self._holders.learn(sockets, pids)
        self._missing = owners.missing_state(self.hidden)
        self._build(sockets, stale=set())

    def follow(self, sockets: Collection[Socket], share: float) -> None:
        """Catch up with the sockets of this look; see `Holders.follow`."""
        stale, verified = self._holders.follow(sockets, share)
        # Who holds something new may run another program than when it was read.
        verified |= {pid for inode in stale for pid in self._holders.of.get(inode, ())}
        for pid in verified & self._processes.keys():
            if not process.is_unchanged(self._processes[pid]):
                stale |= self._holders.held_by(pid)
                del self._processes[pid]
        if monotonic() - self._asked_at > ASKED_EVERY:
            self._ask_again()
        if (missing := owners.missing_state(self.hidden)) != self._missing:
            self._missing = missing
            self._built.clear()
        if stale:
            self._processes = {
                pid: known for pid, known in self._processes.items() if self._holders.held_by(pid)
            }
        self._build(sockets, stale)

    def _ask_again(self) -> None:
        """Have those listeners built anew that containers or systemd know something of."""
        self._asked_at = monotonic()
        for key, listener in list(self._built.items()):
            owner = listener.owner
            if owner.role == Role.PROXY or owner.socket_unit or owner.container:
                del self._built[key]

    def _build(self, sockets: Collection[Socket], stale: set[int]) -> None:
        fresh = self._regroup(sockets) | (self._groups.keys() - self._built.keys())
        if stale := stale - {each.inode for key in fresh for each in self._groups[key]}:
            fresh |= {
                key
                for key, group in self._groups.items()
                if not stale.isdisjoint([each.inode for each in group])
            }
        if not fresh and len(self._built) == len(self._groups):
            return
        self._outside = Outside()  # yesterday's answer knows nothing of a new port
        ephemeral = machine.ephemeral_ports()
        self._built = {
            key: self._listener(group, ephemeral) if key in fresh else self._built[key]
            for key, group in self._groups.items()
        }
        self.listeners = tuple(self._built.values())

    def _regroup(self, sockets: Collection[Socket]) -> set[Key]:
        """
        Group the sockets of this look; return the keys of the groups that are not as before.

        A row that reads as it did is the very same object (`ss.Memo`), and so are two rows
        that read alike, which nothing but their number tells of (N40).
        """
        if sockets is self._sockets:
            return set()
        before, now = (Counter(map(id, some)) for some in (self._sockets, sockets))
        rows = {row for row, _ in before.items() ^ now.items()}
        touched = {
            (each.protocol, each.port) for each in chain(self._sockets, sockets) if id(each) in rows
        }
        groups = grouped(each for each in sockets if (each.protocol, each.port) in touched)
        is_in_order = groups.keys() <= self._groups.keys()
        for key in touched - groups.keys():
            del self._groups[key]
        self._groups |= groups
        if not is_in_order:
            self._groups = dict(sorted(self._groups.items()))
        self._sockets = sockets
        return set(groups)

    def _listener(self, group: tuple[Socket, ...], ephemeral: range) -> Listener:
        holders = [self._holders_of(socket) for socket in group]
        owner = owners.owner_of(
            group,
            {each.pid: each for held in holders for each in held}.values(),
            booted_at=self._booted_at,
            missing=self._missing,
            outside=self._outside,
        )
        ends = []
        for socket, held in zip(group, holders):
            leader = owners.leader_of(held)
            ends.append(endpoint(socket, leader and leader.pid, leader.name if leader else ""))
        hint = well_known.name(group[0].protocol, group[0].port)
        return listener(ends, owner, group[0], ephemeral=ephemeral, hint=hint)

    def _holders_of(self, socket: Socket) -> list[Process]:
        pids = self._holders.of.get(socket.inode, ())
        return [found for pid in pids if (found := self._process(pid))]

    def _process(self, pid: int) -> Process | None:
        if pid not in self._processes:
            found = process.read(pid)
            if found is None:  # it has just ended: the next look will tell what became of it
                return None
            self._processes[pid] = found
        return self._processes[pid]
