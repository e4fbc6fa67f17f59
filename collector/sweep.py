"""
The sweep: one look at one host, as a plain value that also travels as JSON.

Pure: no Django, no clock, no operating system. Whatever looked (the live `ss`, a saved
file, another machine) hands over a Sweep, and `services.reconcile` asks nothing else.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import datetime
from functools import cached_property
from hashlib import blake2b
from json import JSONEncoder
from operator import attrgetter
from typing import Any, NamedTuple

from collector.news import NO_NEWS, News
from collector.strenum import StrEnum

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


class Family(StrEnum):
    """By which versions of IP a socket can be reached."""

    V4 = "v4"
    V6 = "v6"
    DUAL = "dual"
    UNKNOWN = "unknown"  # the build of ss that was asked doesn't tell


class OwnerState(StrEnum):
    """What is known about who holds a socket, and if nothing, why not."""

    KNOWN = "known"
    KERNEL = "kernel"  # a socket of the kernel itself: NFS, WireGuard
    NOT_PERMITTED = "not_permitted"  # the collector lacks the privilege to see it
    OUTSIDE_VIEW = "outside_view"  # held in a PID namespace that the collector can't see
    PENDING = "pending"  # nobody was found at first sight: it may just have ended
    UNKNOWN = "unknown"  # everything could be seen, and nobody holds it


class Role(StrEnum):
    """In which part the process that holds a socket does so."""

    SERVER = "server"
    SOCKET_UNIT = "socket_unit"  # systemd waits for the first client of a service (N46)
    PROXY = "proxy"  # a container engine passes connections on to a container (N47, N50)
    TUNNEL = "tunnel"  # ssh passes them on to another machine (N54)


class EventSource(StrEnum):
    """What tells of ports between two looks."""

    EBPF = "ebpf"
    NOTHING = ""  # nothing does: what changes shows at the next look


class OwnersSeen(StrEnum):
    """Whether a sweep could see the owners of other people's sockets."""

    ALL = "all"
    SOME = "some"
    NONE = "none"


class Endpoint(NamedTuple):
    """One socket of a listener: where it is bound, how full its queue is and who holds it."""

    address: str  # "0.0.0.0", "::", "127.0.0.1", "fe80::1"; "*" when the build of ss leaves it open
    device: str  # the interface it is bound to, or ""
    scope: Scope
    backlog: int  # TCP: connections waiting for accept(); UDP: bytes waiting
    limit: int  # TCP: the most that may wait; UDP: 0
    cookie: str  # the kernel's id of the socket, unique per boot, in hex; "" when not told
    inode: int  # unique among open sockets, reused later; 0 when not told
    family: Family = Family.UNKNOWN
    pid: int | None = None  # the leader of the processes that hold this very socket
    process_name: str = ""

    @property
    def is_crowded(self) -> bool:
        """Whether more than half of the accept queue is taken."""
        return self.limit > 0 and self.backlog * 2 > self.limit

    @property
    def facts(self) -> tuple[Any, ...]:
        """What is worth recording. The fill of a queue moves all the time; crowded is news."""
        return (*self[:BACKLOG], *self[BACKLOG + 1 :], self.is_crowded)


BACKLOG = Endpoint._fields.index("backlog")


class Ancestor(NamedTuple):
    """A process from which an owner descends."""

    pid: int
    name: str


@dataclass(frozen=True)
class Owner:
    """Who holds a socket. The process is the leader of all that share it."""

    state: OwnerState
    pids: tuple[int, ...] = ()  # every holder, the leader first
    process_name: str = ""
    cmdline: str = ""  # secrets already redacted
    exe: str = ""
    user: str = ""
    exe_is_deleted: bool = False  # the file that it runs has been replaced or removed since
    started_at: datetime | None = None
    role: Role = Role.SERVER
    unit: str = ""  # the systemd service it belongs to
    socket_unit: str = ""  # the systemd socket that activates that service
    container: str = ""  # container id
    container_name: str = ""
    image: str = ""
    compose_service: str = ""
    ancestors: tuple[Ancestor, ...] = ()  # nearest parent first, sixteen at most, process 1 last


# That a parent ended is no news, and makes no sweep a changed one.
_facts_of = attrgetter(*(each.name for each in fields(Owner) if each.name != "ancestors"))
_encode = JSONEncoder(default=str, check_circular=False).encode  # faster than the repr of a word


@dataclass(frozen=True)
class Listener:
    """One (protocol, port) with all its endpoints and its owner."""

    protocol: Protocol
    port: int
    endpoints: tuple[Endpoint, ...]
    owner: Owner
    is_client: bool = False  # an unconnected UDP socket on an ephemeral port
    well_known: str = ""  # what this machine's /etc/services calls the port: a hint, no owner

    @property
    def key(self) -> tuple[str, int]:
        """What names the port on its host."""
        return self.protocol, self.port

    @property
    def scope(self) -> Scope:
        """The widest of its endpoints."""
        return max((each.scope for each in self.endpoints), key=lambda scope: scope.width)

    @cached_property
    def fingerprint(self) -> bytes:
        """Sixteen bytes that change when a fact worth recording changes; ancestors are none."""
        ends = [each.facts for each in self.endpoints]
        facts = (self.key, ends, _facts_of(self.owner), self.is_client, self.well_known)
        return blake2b(_encode(facts).encode(), digest_size=16).digest()

    def as_json(self) -> dict[str, Any]:
        """Return the listener as JSON-ready values."""
        owner = asdict(self.owner)
        started_at = owner.pop("started_at")
        return {
            "protocol": self.protocol,
            "port": self.port,
            "well_known": self.well_known,
            "owner_state": owner.pop("state"),
            **owner,
            "process_started_at": started_at and started_at.isoformat(),
            "ancestors": [each._asdict() for each in self.owner.ancestors],
            "scope": self.scope,
            "is_client": self.is_client,
            "endpoints": [each._asdict() for each in self.endpoints],
        }


@dataclass(frozen=True)
class Sweep:
    """One look at one host."""

    host_id: str
    taken_at: datetime
    verdict: Verdict
    reason: str = ""  # what limits this look, as a sentence
    listeners: tuple[Listener, ...] = ()
    machine_id: str = ""  # "" for saved output of an unknown machine
    boot_id: str = ""
    booted_at: datetime | None = None
    uptime: float = 0  # seconds since boot, suspend included; no clock can set it; 0: not told
    source: str = "ss"
    tool_version: str = ""
    owners_seen: OwnersSeen = OwnersSeen.ALL
    owners_reason: str = ""  # why not all owners could be seen
    event_source: EventSource = EventSource.NOTHING
    event_source_reason: str = ""  # why nothing tells of events, and what would mend that
    news: News = NO_NEWS  # what was told since the look before; the digest knows nothing of it
    interval: float = 0  # seconds until the next sweep is due; 0 when none is planned
    duration: float = 0  # seconds the look took
    skipped: int = 0  # rows that list no port: other protocols, port 0

    @cached_property
    def by_key(self) -> dict[tuple[str, int], Listener]:
        """The listeners by (protocol, port)."""
        return {each.key: each for each in self.listeners}

    @cached_property
    def fingerprints(self) -> dict[tuple[str, int], bytes]:
        """The fingerprints of the listeners, by the same."""
        return {key: each.fingerprint for key, each in self.by_key.items()}

    @cached_property
    def servers(self) -> set[tuple[str, int]]:
        """The keys of all but the client sockets, which come and go as they like."""
        return {each.key for each in self.listeners if not each.is_client}

    @cached_property
    def digest(self) -> str:
        """Sixteen bytes in hex that change when a fact worth recording changes."""
        told = repr((self.verdict, self.reason, self.owners_seen, self.owners_reason)).encode()
        told += repr((self.event_source, self.event_source_reason)).encode()
        facts = b"".join(self.fingerprints.values())
        return blake2b(told + facts, digest_size=16).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """Return the sweep as JSON-ready values, the form in which it travels."""
        return {
            "host_id": self.host_id,
            "machine_id": self.machine_id,
            "boot_id": self.boot_id,
            "booted_at": self.booted_at and self.booted_at.isoformat(),
            "taken_at": self.taken_at.isoformat(),
            "uptime": self.uptime,
            "source": self.source,
            "tool_version": self.tool_version,
            "owners_seen": self.owners_seen,
            "owners_reason": self.owners_reason,
            "event_source": self.event_source,
            "event_source_reason": self.event_source_reason,
            **({"news": self.news.as_json()} if self.news else {}),
            "interval": self.interval,
            "duration": round(self.duration, 4),
            "verdict": self.verdict,
            "reason": self.reason,
            "skipped": self.skipped,
            "listeners": [each.as_json() for each in self.listeners],
        }


def changes(before: Sweep, now: Sweep) -> set[tuple[str, int]]:
    """Return the keys of the listeners that came, went or tell another fact."""
    old, new = before.by_key, now.by_key
    changed = {
        key
        for key, each in new.items()
        # Most are the very same value, which is told without a look inside.
        if (known := old.get(key)) is not each
        and (known is None or known.fingerprint != each.fingerprint)
    }
    return changed | (old.keys() - new.keys())
