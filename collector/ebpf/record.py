"""
The kernel's `struct port_event`, read and written. Pure.

>>> event = read(write("tcp", 22, "::1", "a1"))
>>> event.protocol, event.port, event.address, event.cookie, event.pid
('tcp', 22, '::1', 'a1', None)
"""

from __future__ import annotations

import socket
from functools import lru_cache
from struct import Struct

from collector.ledger import SocketEvent
from collector.text import safe

_EVENT = Struct("=QQ16s16sIHBBB7x")
_OPEN, _CLOSE = 1, 2
_PROTOCOLS = {socket.IPPROTO_TCP: "tcp", socket.IPPROTO_UDP: "udp"}
_NUMBERS = {name: number for number, name in _PROTOCOLS.items()}
_SECOND = 1_000_000_000  # in nanoseconds

SIZE = _EVENT.size


def read(raw: bytes) -> SocketEvent:
    """Return what the kernel told. Its pid is that of the first PID namespace."""
    at, cookie, address, comm, pid, port, kind, protocol, family = _EVENT.unpack(raw)
    return SocketEvent(
        kind == _OPEN,
        _PROTOCOLS[protocol],
        port,
        _address(family, address),
        f"{cookie:x}",
        pid or None,
        _name(comm),
        at / _SECOND,
    )


def write(protocol: str, port: int, address: str, cookie: str) -> bytes:
    """
    Return what the kernel would have kept of a socket, had it seen who bound it.

    An address that is none ("*") is every address.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        packed = socket.inet_pton(family, address)
    except OSError:
        packed = b""
    number = _NUMBERS[protocol]
    return _EVENT.pack(0, int(cookie, 16), packed, b"", 0, port, _OPEN, number, family)


def cookie(raw: bytes) -> bytes:
    """Return the key by which the kernel knows the socket."""
    return raw[8:16]


# Few sockets have an address or a name that no other has, and each is told twice.
@lru_cache(maxsize=1024)
def _address(family: int, packed: bytes) -> str:
    return (
        socket.inet_ntop(socket.AF_INET, packed[:4])
        if family == socket.AF_INET
        else socket.inet_ntop(socket.AF_INET6, packed)
    )


@lru_cache(maxsize=1024)
def _name(comm: bytes) -> str:
    return safe(comm.partition(b"\0")[0])
