"""
The reader for machines without a working `ss`, by way of psutil (N55, N58).

It tells less: no cookie, queue, interface or control group, for an IPv6 wildcard not whether
IPv4 is served as well, and of the processes that share a socket only one (N17), so that the
others remain to be looked for. Sockets that differ in nothing it tells are one: without
privileges, several on one address (N40).
"""

from __future__ import annotations

import os
import socket as sockets

import psutil

from collector.addresses import canonical, family_of
from collector.ss import Family, Reading, Socket, User
from collector.sweep import Protocol
from collector.text import safe
from collector.tool import ToolError

PROTOCOLS = {sockets.SOCK_STREAM: Protocol.TCP, sockets.SOCK_DGRAM: Protocol.UDP}
# psutil gives up in many ways: at a state it doesn't know, or a table it can't decode.
FAILURES = (psutil.Error, OSError, RuntimeError, ValueError, LookupError)


def listening() -> Reading:
    """
    Return TCP in LISTEN and UDP unconnected.

    Raises ToolError, and nothing else, when the machine doesn't tell.
    """
    try:
        connections = psutil.net_connections(kind="inet")
    except FAILURES as exc:
        said = safe(str(exc), 200) or type(exc).__name__
        raise ToolError(f"psutil could not list the sockets: {said}") from exc
    waiting = [each for each in connections if _is_waiting(each)]
    names: dict[int, str] = {}
    found = tuple(_socket(each, names) for each in waiting if each.laddr)
    return Reading(sockets=found, skipped=len(waiting) - len(found))  # port 0 (N44)


def _is_waiting(connection) -> bool:
    if connection.type == sockets.SOCK_STREAM:
        return connection.status == psutil.CONN_LISTEN
    return not connection.raddr


def _socket(connection, names: dict[int, str]) -> Socket:
    host, port = connection.laddr
    address = canonical(host)
    pid, fd = connection.pid, connection.fd
    if pid is not None and pid not in names:
        names[pid] = _name(pid)
    inode = 0 if pid is None else _inode(pid, fd)
    return Socket(
        protocol=PROTOCOLS[connection.type],
        address=address,
        device="",
        family=Family.UNKNOWN if address == "::" else family_of(address),
        port=port,
        backlog=0,
        limit=0,
        users=() if pid is None else (User(names[pid], pid, fd),),
        users_truncated=pid is not None,
        inode=inode,
        cookie="",
        uid=None,
        cgroup="",
    )


def _name(pid: int) -> str:
    try:
        return safe(psutil.Process(pid).name())
    except (psutil.Error, OSError):  # it has just ended
        return ""


def _inode(pid: int, fd: int) -> int:
    """Return the inode of a socket, which psutil knows and keeps to itself; 0 if it is lost."""
    try:
        target = os.readlink(f"/proc/{pid}/fd/{fd}")  # noqa: PTH115  # no path: "socket:[1]"
    except OSError:  # closed since, or there is no /proc
        return 0
    digits = target.removeprefix("socket:[").removesuffix("]")
    return int(digits) if digits.isdigit() else 0
