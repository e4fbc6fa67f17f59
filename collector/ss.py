"""
Bytes of `ss -lntup[He]` in, listening sockets out.

Pure: no Django, no subprocess, no clock, no /proc. The grammar, for every build of ss:

    row     netid state recv-q send-q local peer [users] [key:value ...]
    local   address[%device]:port, the address bare (up to 4.13) or in brackets

A line that is no row continues the row before it, for a process may have a newline in its
name (N24). No name, at most 15 bytes long, has room for the head of a row; what names can
forge inside the users column is the matter of `users.py`.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache

from collector.addresses import scope_of
from collector.builds import bound_to, parse_version, style_of
from collector.sweep import Family, Protocol, Scope
from collector.text import safe
from collector.users import State, User, read

__all__ = ["Family", "ParseError", "Reading", "Socket", "User", "parse", "parse_version"]

# Looked up once, not once for each of ten thousand rows.
TCP, UDP = Protocol
WHOLE, BROKEN = State.WHOLE, State.BROKEN

LISTENING = {(b"tcp", b"LISTEN"): TCP, (b"udp", b"UNCONN"): UDP}
NETID = re.compile(rb"[a-z][a-z0-9_]*|\?\?\?").fullmatch
STATE = re.compile(rb"[A-Z][A-Z0-9-]+").fullmatch
HEADER = [b"Netid", b"State", b"Recv-Q"]

# Behind the users column come tokens by name, in any order, known or not (N16), up to the
# cgroup. What is told before it is ss's own; a cgroup may be called `/x ino:1 sk:1`. It ends
# where a token begins, and only v6only is read behind it, the last one being ss's own again.
DETAILS = re.compile(
    rb"""
    (?:
        [ \t\r]*+
        (?: uid:(\d{1,10}+)(?!\S)
          | ino:(\d{1,20}+)(?!\S)
          | sk:(?!0++(?!\S))([0-9a-f]{1,16}+)(?!\S)  # /proc shows zeros to the unprivileged
          | v6only:([01])(?!\S)
          | (?!cgroup:)\S++
        )
    ){0,32}
    (?:
        [ \t\r]*+
        cgroup:(\S++(?:[ ]++(?![\w-]++:|[<-]-[->])\S++)*)
        (?:[ \t\r]*+(?:v6only:([01])(?!\S)|\S++)){0,32}
    )?
    """,
    re.VERBOSE,
).match


class ParseError(ValueError):
    """The text is no output of ss at all."""


@dataclass(frozen=True, slots=True)
class Socket:
    """One socket that waits for somebody: TCP in LISTEN, UDP unconnected."""

    protocol: Protocol
    address: str  # "0.0.0.0", "::", "127.0.0.1", "::ffff:10.0.0.5"; "*" where nothing tells which
    device: str  # the interface it is bound to, or ""
    family: Family
    port: int
    backlog: int  # TCP: connections waiting for accept(); UDP: bytes waiting
    limit: int  # TCP: the most that may wait; UDP: 0
    users: tuple[User, ...]  # the newest process first, as ss lists them (N17)
    users_truncated: bool  # there are more, to be found in /proc (N19)
    inode: int  # 0 when not told
    cookie: str  # in hex; "" when not told
    uid: int | None  # None when not told
    cgroup: str

    @property
    def scope(self) -> Scope:
        return scope_of(self.address, self.device)


@dataclass(frozen=True, slots=True)
class Reading:
    """All that one output of ss says."""

    sockets: tuple[Socket, ...] = ()
    skipped: int = 0  # rows that list no port of ours: other tables and states, port 0 (N14, N44)
    unreadable: int = 0  # lines that should have been rows
    sample: str = ""  # the first of them

    @property
    def with_users(self) -> bool:
        """Whether the owner of any socket was shown; False without privileges (N29)."""
        return any(each.users or each.users_truncated for each in self.sockets)


@dataclass(slots=True)
class _Lines:
    """The lines of the text, sorted by what they are."""

    rows: list[list[bytes]] = field(default_factory=list)
    further: dict[int, list[bytes]] = field(default_factory=dict)  # row number: its other lines
    unreadable: list[bytes] = field(default_factory=list)
    header: bytes = b""


def parse(output: bytes, *, version: tuple[int, ...] | None = None) -> Reading:
    """
    Read what `ss` wrote, whichever build it was and whatever the processes call themselves.

    Rows that can't be read are counted, never guessed. Raises ParseError, and nothing
    else, when there is text and none of it comes from ss.
    """
    lines = _sorted(output)
    if lines.unreadable and not lines.rows and not lines.header:
        raise ParseError(f"This is not output of ss: {safe(lines.unreadable[0], 120)}")
    sockets = []
    skipped = 0
    pairs = ((each[4].rpartition(b":")[0], each[5]) for each in lines.rows if _is_ours(each))
    style = style_of(lines.header, pairs, version)
    unreadable = lines.unreadable
    for number, columns in enumerate(lines.rows):
        rest = columns[6] if len(columns) > 6 else b""
        if number in lines.further:
            rest = b"\n".join([rest, *lines.further[number]])
        users, end, state = read(rest)
        if state is BROKEN:
            unreadable.append(rest)
        elif number in lines.further:
            further = rest[end:].split(b"\n")[1:]
            skipped += sum(map(_is_association, further))
            unreadable += filter(_is_stray, further)
        protocol = LISTENING.get((columns[0], columns[1]))
        host, _, digits = columns[4].rpartition(b":")
        if protocol is None or digits in {b"*", b"0"}:
            skipped += 1
            continue
        port = int(digits) if digits.isdigit() and len(digits) <= 5 else 0
        if not 0 < port <= 65535 or not host:
            unreadable.append(b" ".join(columns))
            continue
        uid, inode, cookie, v6only, cgroup, v6only_last = DETAILS(rest, end).groups()  # type: ignore[union-attr]  # nothing in it is required
        address, device, family = bound_to(host, v6only_last or v6only, style)
        sockets.append(
            Socket(
                protocol,
                address,
                device,
                family,
                port,
                int(columns[2]),
                int(columns[3]) if protocol is TCP else 0,
                users,
                state is not WHOLE,
                int(inode or 0),
                cookie.decode() if cookie else "",
                # ss -e leaves out the uid of root.
                int(uid) if uid else 0 if inode else None,
                _cgroup(cgroup) if cgroup else "",
            )
        )
    sample = safe(unreadable[0].strip(), 120) if unreadable else ""
    return Reading(tuple(sockets), skipped, len(unreadable), sample)


def _sorted(output: bytes) -> _Lines:
    lines = _Lines()
    rows = lines.rows
    for line in output.split(b"\n"):
        columns = line.split(None, 6)
        if _is_row(columns):
            rows.append(columns)
        elif columns[:3] == HEADER:
            lines.header = line
        elif rows:
            lines.further.setdefault(len(rows) - 1, []).append(line)
        elif columns:
            lines.unreadable.append(line)
    return lines


def _is_row(columns: list[bytes]) -> bool:
    return (
        len(columns) > 5
        and columns[2].isdigit()
        and columns[3].isdigit()
        and len(columns[2]) <= 10
        and len(columns[3]) <= 10
        # Fifteen bytes can spell `tcp ESTAB 0 0 x`, but then the rest of the users column
        # follows, and no address has that in it.
        and b'",' not in columns[4]
        and (_is_ours(columns) or _is_foreign(columns[0], columns[1]))
    )


@lru_cache(maxsize=64)
def _is_foreign(netid: bytes, state: bytes) -> bool:
    """Whether a row is of another table or state than ours, even of one yet to be invented."""
    return bool(NETID(netid) and STATE(state))


def _is_ours(columns: list[bytes]) -> bool:
    return (columns[0], columns[1]) in LISTENING


def _is_association(line: bytes) -> bool:
    """Whether a line is one of the associations that ss lists below an SCTP socket (N14)."""
    return line.lstrip().startswith(b"`- ")


def _is_stray(line: bytes) -> bool:
    """Whether a line is neither blank nor a detail of its row, which are indented (N15)."""
    return bool(line) and not line[:1].isspace() and not _is_association(line)


@lru_cache(maxsize=4096)
def _cgroup(path: bytes) -> str:
    return safe(path, 4096)
