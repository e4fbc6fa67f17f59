r"""
One row of `ss -lntup[He]`, and the socket that it tells of.

    row     netid state recv-q send-q local peer [users] [key:value ...]
    local   address[%device]:port, the address bare (up to 4.13) or in brackets
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from collector import users
from collector.addresses import scope_of
from collector.builds import Style, bound_to
from collector.patterns import compiled
from collector.sweep import Family, Protocol, Scope
from collector.text import safe
from collector.users import State, User, name_of

# Looked up once, not once for each of ten thousand rows.
TCP, UDP = Protocol
WHOLE, BROKEN = State.WHOLE, State.BROKEN
NEW, BLIND = Style.NEW, Style.BLIND

# Possessive (`++`) where nothing is gained by trying again; no piece goes past its line. Groups
# are not, for there Python before 3.11.5 goes wrong (gh-106052).
_HEAD = (
    rb"[ \t\r]*+(?:(tcp)[ \t\r]++LISTEN|udp[ \t\r]++UNCONN)[ \t\r]++(\d{1,10}+)[ \t\r]++(\d{1,10}+)"
    rb"[ \t\r]++(\S+):(\d{1,5}+)[ \t\r]++(\S++)"
)
_UID = rb"uid:(\d{1,10}+)(?!\S)"
_INODE = rb"ino:(\d{1,20}+)(?!\S)"
_COOKIE = rb"sk:(?!0++(?!\S))([0-9a-f]{1,16}+)(?!\S)"  # /proc shows zeros to the unprivileged
_V6ONLY = rb"v6only:([01])(?!\S)"
_SHUTDOWN = rb"([<-]-[->])(?!\S)"

# Nearly every row: users with simple names, or none, and the details in the order of ss. Every
# line matches, with empty groups if it is no such row, so that one search reads a whole text.
PLAIN = compiled(
    rb"(?:%b(?:[ \t\r]++%b)?%b[ \t\r]*+|.*+)\n"
    % (
        _HEAD,
        users.SIMPLE,
        b"".join(
            rb"(?:[ \t\r]++%b)?" % token
            for token in (_UID, _INODE, _COOKIE, rb"cgroup:(\S++)", _V6ONLY, _SHUTDOWN)
        ),
    )
).findall
OURS = compiled(_HEAD + rb"[ \t\r]*+(.*)", re.DOTALL).match
# A row of another table or state than ours, even of one yet to be invented, or one of ours
# that can't be read. No netid is shorter than two letters, no state than ESTAB: a name of
# fifteen bytes, one of them the newline, can spell `tcp ESTAB 0 0`, but no peer behind it,
# and what follows it in the users column is no address.
OTHER = compiled(
    rb"\s*+([a-z][a-z0-9_]++|\?\?\?)\s++([A-Z][A-Z0-9-]{4,}+)\s++\d{1,10}+\s++\d{1,10}+\s++"
    rb"(?!\S*\",)(\S++)\s++\S++[ \t\r]*+(.*)",
    re.DOTALL,
).match
LISTENING = [b"tcp", b"LISTEN"], [b"udp", b"UNCONN"]
NOBODY = (b"", b"", b"", b"")

# Behind the users column come tokens by name, in any order, known or not (N16), up to the
# cgroup. What is told before it is ss's own; a cgroup may be called `/x ino:1 sk:1`. It ends
# where a token begins, and only v6only and the shutdown mark are read behind it, the last
# ones being ss's own again.
DETAILS = compiled(
    rb"""
    (?:
        [ \t\r]*+
        (?: %b | %b | %b | %b | %b | (?!cgroup:)\S++ )
    ){0,32}
    (?:
        [ \t\r]*+
        cgroup:(\S++(?:[ ]++(?![\w-]++:|[<-]-[->])\S++)*)
        (?: [ \t\r]*+ (?: %b | %b | \S++ ) ){0,32}
    )?
    """
    % (_UID, _INODE, _COOKIE, _V6ONLY, _SHUTDOWN, _V6ONLY, _SHUTDOWN),
    re.VERBOSE,
).match


class Socket(NamedTuple):
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

    @property
    def identity(self) -> str:
        """What tells this socket from its successor on the same address, "" if nothing does."""
        return self.cookie or (f"inode:{self.inode}" if self.inode else "")


class Dialect(NamedTuple):
    """What the rows of one text have in common; without it none can be understood."""

    style: Style | None  # None: nothing tells
    is_detailed: bool  # ss was asked for details (-e)


class Row(NamedTuple):
    """What came of a row that is not plain."""

    socket: Socket | None  # None: it lists no port of ours
    is_readable: bool
    tail: bytes  # what stands behind the users, further lines included


def read_plain(lines: Iterable[bytes], dialect: Dialect) -> list[Socket | None]:
    """Read each line that is a row as nearly all of them are; None for any other line."""
    return _sockets(PLAIN(b"\n".join([*lines, b""])), dialect)


def is_row(line: bytes) -> bool:
    return bool(OURS(line) or OTHER(line))


def read(record: bytes, dialect: Dialect) -> Row:
    """Read a row of any kind, with the lines that continue it."""
    socket = None
    if match := OURS(record):
        *head, rest = match.groups(b"")
        holders, end, state = users.read(rest)
        [socket] = _sockets([(*head, *NOBODY, *_details(rest, end))], dialect)
        if socket:
            socket = socket._replace(users=holders, users_truncated=state is not WHOLE)
        is_readable = socket is not None or head[4] == b"0"
    else:
        *kind, local, rest = OTHER(record).groups()  # type: ignore[union-attr]  # it is a row
        _, end, state = users.read(rest)
        is_readable = kind not in LISTENING or local.endswith(b":*")
    return Row(socket, is_readable and state is not BROKEN, rest[end:])


def is_detailed(line: bytes) -> bool:
    """Whether a line is a row of ours with the details that -e asks for."""
    match = OURS(line)
    if not match:
        return False
    _, end, _ = users.read(match[7])
    return bool(_details(match[7], end)[1])


def _details(text: bytes, position: int) -> tuple[bytes, ...]:
    """Return uid, inode, cookie, cgroup, v6only and shutdown mark, empty where not told."""
    uid, inode, cookie, v6only, mark, cgroup, last_v6only, last_mark = DETAILS(
        text, position
    ).groups(b"")  # type: ignore[union-attr]  # nothing in it is required
    return uid, inode, cookie, cgroup, last_v6only or v6only, last_mark or mark


def _sockets(rows: Iterable[tuple[bytes, ...]], dialect: Dialect) -> list[Socket | None]:
    """Make a socket of the groups of each row; None where they are empty, or the port is none."""
    style, is_detailed = dialect
    sockets: list[Socket | None] = []
    for (
        tcp,
        backlog,
        limit,
        host,
        digits,
        _,
        name,
        pid,
        fd,
        further,
        uid,
        inode,
        cookie,
        cgroup,
        v6only,
        shutdown,
    ) in rows:
        if not host or not 0 < (port := int(digits)) <= 65535:
            sockets.append(None)
            continue
        most = int(limit) if tcp else 0
        # Netlink tells the shutdown mark, and of TCP a limit; /proc tells nothing of UDP (N57).
        by_proc = not shutdown and (not most if tcp else is_detailed and not inode)
        address, device, family = bound_to(
            host, v6only, BLIND if by_proc and style is NEW else style
        )
        holders: tuple[User, ...] = ()
        if pid:
            holders = (User(name_of(name), int(pid), int(fd)),)
            if further:
                holders += users.read_simple(further)
        sockets.append(
            Socket(
                TCP if tcp else UDP,
                address,
                device,
                family,
                port,
                int(backlog),
                most,
                holders,
                False,
                int(inode) if inode else 0,
                "" if by_proc else cookie.decode(),  # there it is an address, reused later
                # ss -e leaves out the uid of root.
                int(uid) if uid else 0 if inode else None,
                _cgroup(cgroup) if cgroup else "",
            )
        )
    return sockets


@lru_cache(maxsize=4096)
def _cgroup(path: bytes) -> str:
    return safe(path, 4096)
