"""
What an agent sends: the JSON of a sweep in, a sweep out, or the one error that says what is wrong.

Pure. Whoever wrote it may be anybody, so that every value is checked before it is anywhere else.
What is not known here is left aside, for agents may be newer than their hub. From where an
address can be reached is told by the address, not by who sends it. Command lines come without
their secrets: it is the agent that hides them, so that they never travel.

What `Sweep.as_json` writes of a live look is read back as the same facts, with the same digest.
"""

import re
import zlib
from datetime import datetime
from typing import Any, NamedTuple

from collector.addresses import scope_of
from collector.fields import (
    MUST,
    Table,
    TooLargeError,
    WireError,
    fields,
    flag,
    many,
    matching,
    maybe,
    moment,
    one_of,
    seconds,
    text,
    whole,
)
from collector.news import NO_NEWS, News, SocketNews
from collector.redact import LIMIT as CMDLINE
from collector.sweep import (
    HOST_ID,
    Ancestor,
    Endpoint,
    EventSource,
    Family,
    Listener,
    Owner,
    OwnersSeen,
    OwnerState,
    Protocol,
    Role,
    Sweep,
    Verdict,
)

MOST_BYTES = 4 * 2**20  # of a body as it comes
MOST_UNPACKED = 16 * 2**20  # of what it unpacks to: more ports than containers publish
MOST_LISTENERS = MOST_ENDPOINTS = 65_536  # of a sweep
MOST_OF_ONE = 4_096  # endpoints, and PIDs, of a listener: a page has the rows of a hundred of them
MOST_NEWS = 1_000  # sockets: as many as an agent tells of, see ledger.py
MOST_ANCESTORS = 64  # of a listener; an agent tells sixteen
NAME, PATH, SENTENCE = 255, 4096, 1000  # characters that are kept
SOURCES = "ss", "psutil"  # saved output is read where it is, and sent by nobody
MOST_INTERVAL = 31 * 86_400  # seconds
MOST_UPTIME = 100 * 365 * 86_400  # seconds
HIGHEST_PID = 2**31 - 1
HIGHEST = 2**63 - 1  # of a whole number that databases store


class Message(NamedTuple):
    """A sweep; or the head of one, and the digest that the hub has for the rest of it."""

    sweep: Sweep
    digest: str  # "" with a whole sweep
    is_confirmed: bool  # whether a second look agreed with it
    sent_at: datetime | None = None  # by the clock of the host; None if it doesn't tell


def unpacked(body: bytes) -> bytes:
    """Return what was compressed with gzip. Raises WireError, TooLargeError for a bomb."""
    reader = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        found = reader.decompress(body, MOST_UNPACKED + 1)
    except zlib.error as exc:
        raise WireError("The body is not compressed with gzip, as its header says.") from exc
    if len(found) > MOST_UNPACKED:
        raise TooLargeError(f"The body unpacks to more than {MOST_UNPACKED} bytes.")
    if not reader.eof or reader.unused_data:
        raise WireError("What is compressed breaks off, or something follows it.")
    return found


def message(said: Any) -> Message:
    """Return what an agent says, read from JSON. Raises WireError."""
    if not isinstance(said, dict) or "listeners" in said:
        sweep = from_json(said)
        further = fields(said, FURTHER)
        return Message(sweep, "", further["confirmed"], further["sent_at"])
    sweep = Sweep(**fields(said, HEAD))
    instead = fields(said, INSTEAD)
    if sweep.verdict != Verdict.COMPLETE:
        raise WireError("Only a complete look can be told by its digest.", "verdict")
    return Message(sweep, instead["digest"], is_confirmed=False, sent_at=instead["sent_at"])


def from_json(said: Any) -> Sweep:
    """Return the sweep that `Sweep.as_json` wrote. Raises WireError."""
    sweep = Sweep(**fields(said, HEAD), **fields(said, REST))
    if len(sweep.by_key) < len(sweep.listeners):
        known = set()
        for number, each in enumerate(sweep.listeners):
            if each.key in known:
                told = f"{each.protocol} {each.port} is told twice."
                raise WireError(told, "listeners", number, rule="twice")
            known.add(each.key)
    if sum(len(each.endpoints) for each in sweep.listeners) > MOST_ENDPOINTS:
        raise TooLargeError(f"There are more than {MOST_ENDPOINTS} endpoints.", "listeners")
    return sweep


def _listener(said: Any) -> Listener:
    values = fields(said, LISTENER)
    if not values["endpoints"]:
        raise WireError("A port that listens does so somewhere: there is none.", "endpoints")
    owner = fields(said, OWNER)
    state, started_at = owner.pop("owner_state"), owner.pop("process_started_at")
    return Listener(**values, owner=Owner(state, started_at=started_at, **owner))


def _endpoint(said: Any) -> Endpoint:
    values = fields(said, ENDPOINT)
    return Endpoint(scope=scope_of(values["address"], values["device"]), **values)


def _ancestor(said: Any) -> Ancestor:
    return Ancestor(**fields(said, ANCESTOR))


def _news(said: Any) -> News:
    return News(**fields(said, NEWS))


def _socket(said: Any) -> SocketNews:
    return SocketNews(**fields(said, SOCKET))


_host_id = matching(
    re.compile(HOST_ID).fullmatch,
    "A host's name has 1 to 64 letters, digits and . _ : - and begins with a letter or a digit.",
)
_digest = matching(
    re.compile(r"[0-9a-f]{32}").fullmatch,
    "It is 32 digits from 0 to f, as the hub has answered them.",
)
_source = matching(SOURCES.__contains__, f"It is one of {', '.join(SOURCES)}.")
_pid, _number = whole(0, HIGHEST_PID), whole(0, HIGHEST)
_name, _short = text(NAME), text(64)

SOCKET: Table = {
    "protocol": (one_of(Protocol), MUST),
    "port": (whole(1, 65535), MUST),
    "address": (_short, ""),
    "cookie": (_short, ""),
    "pid": (maybe(_pid), None),
    "process_name": (_name, ""),
    "opened_at": (maybe(moment), None),
    "closed_at": (maybe(moment), None),
}
NEWS: Table = {"lost": (_number, 0), "sockets": (many(_socket, MOST_NEWS), ())}
HEAD: Table = {
    "host_id": (_host_id, MUST),
    "taken_at": (moment, MUST),
    "verdict": (one_of(Verdict), MUST),
    "reason": (text(SENTENCE), ""),
    "machine_id": (_short, ""),
    "boot_id": (_short, ""),
    "booted_at": (maybe(moment), None),
    "uptime": (seconds(MOST_UPTIME), 0.0),
    "source": (_source, SOURCES[0]),
    "tool_version": (_short, ""),
    "owners_seen": (one_of(OwnersSeen), OwnersSeen.ALL),
    "owners_reason": (text(SENTENCE), ""),
    "event_source": (one_of(EventSource), EventSource.NOTHING),
    "event_source_reason": (text(SENTENCE), ""),
    "news": (_news, NO_NEWS),
    "interval": (seconds(MOST_INTERVAL), 0.0),
    "duration": (seconds(MOST_INTERVAL), 0.0),
    "skipped": (_number, 0),
}
ANCESTOR: Table = {"pid": (_pid, MUST), "name": (_name, MUST)}
OWNER: Table = {
    "owner_state": (one_of(OwnerState), MUST),
    "pids": (many(_pid, MOST_OF_ONE), ()),
    "process_name": (_name, ""),
    "cmdline": (text(CMDLINE), ""),
    "exe": (text(PATH), ""),
    "user": (_name, ""),
    "exe_is_deleted": (flag, False),
    "process_started_at": (maybe(moment), None),
    "role": (one_of(Role), Role.SERVER),
    "unit": (_name, ""),
    "socket_unit": (_name, ""),
    "container": (_name, ""),
    "container_name": (_name, ""),
    "image": (_name, ""),
    "compose_service": (_name, ""),
    "ancestors": (many(_ancestor, MOST_ANCESTORS), ()),
}
ENDPOINT: Table = {
    "address": (_short, MUST),
    "device": (_short, ""),
    "backlog": (_number, 0),
    "limit": (_number, 0),
    "cookie": (_short, ""),
    "inode": (_number, 0),
    "family": (one_of(Family), Family.UNKNOWN),
    "pid": (maybe(_pid), None),
    "process_name": (_name, ""),
}
LISTENER: Table = {
    "protocol": (one_of(Protocol), MUST),
    "port": (whole(1, 65535), MUST),
    "endpoints": (many(_endpoint, MOST_OF_ONE), MUST),
    "is_client": (flag, False),
    "well_known": (_short, ""),
}
REST: Table = {"listeners": (many(_listener, MOST_LISTENERS), MUST)}
_sent_at = maybe(moment), None
FURTHER: Table = {"confirmed": (flag, False), "sent_at": _sent_at}
INSTEAD: Table = {"digest": (_digest, MUST), "sent_at": _sent_at}
