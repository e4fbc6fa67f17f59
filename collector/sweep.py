"""
The sweep: one look at one host, as a plain value that also travels as JSON.

Pure: no Django, no clock, no operating system. Whatever looked (the live `ss`, a saved
file, another machine) hands over a Sweep, and `services.reconcile` asks nothing else.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

# A host's name travels in URLs, file names and log lines: letters, digits and . _ : -
HOST_ID = r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}"


class Protocol(StrEnum):
    TCP = "tcp"
    UDP = "udp"


class Verdict(StrEnum):
    """How far a sweep may be believed."""

    COMPLETE = "complete"  # the whole truth: what is absent has gone
    PARTIAL = "partial"  # some rows unreadable: it may add, never remove
    SUSPECT = "suspect"  # too little to be true at first sight: look again
    FAILED = "failed"  # nothing was read: nothing changes


class Scope(StrEnum):
    """From where an address can be reached, narrowest first."""

    LOOPBACK = "loopback"
    LINK = "link"
    PRIVATE = "private"
    ANY = "any"  # every address of the machine, or a public one

    @property
    def width(self) -> int:
        return list(Scope).index(self)


class OwnerState(StrEnum):
    """What is known about who holds a socket, and if nothing, why not."""

    KNOWN = "known"
    KERNEL = "kernel"  # a socket of the kernel itself: NFS, WireGuard
    NOT_PERMITTED = "not_permitted"  # the collector lacks the privilege to see it
    OUTSIDE_VIEW = "outside_view"  # held in a PID namespace that the collector can't see
    PENDING = "pending"  # nobody was found at first sight: it may just have ended
    UNKNOWN = "unknown"  # everything could be seen, and nobody holds it


class OwnersSeen(StrEnum):
    """Whether a sweep could see the owners of other people's sockets."""

    ALL = "all"
    SOME = "some"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One socket of a listener: where it is bound and how full its queue is."""

    address: str  # "0.0.0.0", "::", "127.0.0.1", "fe80::1"; "*" when the build of ss leaves it open
    device: str  # the interface it is bound to, or ""
    scope: Scope
    backlog: int  # TCP: connections waiting for accept(); UDP: bytes waiting
    limit: int  # TCP: the most that may wait; UDP: 0
    cookie: str  # the kernel's id of the socket, unique per boot, in hex; "" when not told
    inode: int  # unique among open sockets, reused later; 0 when not told

    @property
    def is_crowded(self) -> bool:
        """Whether more than half of the accept queue is taken."""
        return self.limit > 0 and self.backlog * 2 > self.limit

    @property
    def identity(self) -> str:
        """What tells this socket from its successor on the same address, "" if nothing does."""
        return self.cookie or (f"inode:{self.inode}" if self.inode else "")

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"scope": self.scope.value}


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds a socket. The process is the leader of all that share it."""

    state: OwnerState
    pids: tuple[int, ...] = ()  # every holder, the leader first
    process_name: str = ""
    cmdline: str = ""  # secrets already redacted
    exe: str = ""
    user: str = ""
    unit: str = ""  # systemd unit
    container: str = ""  # container id


@dataclass(frozen=True, slots=True)
class Listener:
    """One (protocol, port) with all its endpoints and its owner."""

    protocol: Protocol
    port: int
    endpoints: tuple[Endpoint, ...]
    owner: Owner
    is_client: bool = False  # an unconnected UDP socket on an ephemeral port

    @property
    def key(self) -> tuple[str, int]:
        return self.protocol, self.port

    @property
    def scope(self) -> Scope:
        """The widest of its endpoints."""
        return max((each.scope for each in self.endpoints), key=lambda scope: scope.width)

    def as_json(self) -> dict[str, Any]:
        owner = asdict(self.owner)
        return {
            "protocol": self.protocol,
            "port": self.port,
            "owner_state": owner.pop("state"),
            **owner,
            "scope": self.scope,
            "is_client": self.is_client,
            "endpoints": [each.as_json() for each in self.endpoints],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """One look at one host."""

    host_id: str
    taken_at: datetime
    verdict: Verdict
    reason: str = ""  # why the verdict is not complete, as a sentence
    listeners: tuple[Listener, ...] = ()
    machine_id: str = ""  # "" for saved output of an unknown machine
    boot_id: str = ""
    booted_at: datetime | None = None
    source: str = "ss"
    tool_version: str = ""
    owners_seen: OwnersSeen = OwnersSeen.ALL
    owners_reason: str = ""  # why not all owners could be seen
    interval: float = 0  # seconds until the next sweep is due; 0 when none is planned
    duration: float = 0  # seconds the look took
    skipped: int = 0  # rows that list no port: other protocols, port 0

    def digest(self) -> str:
        """
        Return a digest that changes when a fact worth recording changes.

        The fill of an accept queue moves all the time; only whether it is crowded counts.
        """
        facts = [
            [
                each.key,
                each.is_client,
                asdict(each.owner),
                [
                    [end.address, end.device, end.identity, end.limit, end.is_crowded]
                    for end in each.endpoints
                ],
            ]
            for each in self.listeners
        ]
        text = json.dumps([self.verdict, self.owners_seen, facts], separators=(",", ":"))
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """Return the sweep as JSON-ready values, the form in which it travels."""
        return {
            "host_id": self.host_id,
            "machine_id": self.machine_id,
            "boot_id": self.boot_id,
            "booted_at": self.booted_at and self.booted_at.isoformat(),
            "taken_at": self.taken_at.isoformat(),
            "source": self.source,
            "tool_version": self.tool_version,
            "owners_seen": self.owners_seen,
            "owners_reason": self.owners_reason,
            "interval": self.interval,
            "duration": round(self.duration, 4),
            "verdict": self.verdict,
            "reason": self.reason,
            "skipped": self.skipped,
            "listeners": [each.as_json() for each in self.listeners],
        }


def servers(listeners: Iterable[Listener]) -> set[tuple[str, int]]:
    """Return the keys of all but the client sockets, which come and go as they like."""
    return {each.key for each in listeners if not each.is_client}
