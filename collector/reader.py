"""Read the listening sockets of this machine: with `ss`, or without it as well as can be."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import psutil

from collector import connections, machine, ss, tool
from collector.sweep import Protocol
from collector.text import safe

PATHS = ("/usr/bin/ss", "/bin/ss", "/usr/sbin/ss", "/sbin/ss")
KNOWS_NO_HEADER = (4, 7)  # from here on -H leaves the header out; before, it is an error (N1)

NO_SS = "ss was not found, so psutil read the ports: no queues, no cookies; install iproute2."
NO_NETLINK = "The kernel refused netlink, so ss read /proc: dual stack can't be told."


@dataclass(frozen=True)
class Seen:
    """What was read, and by which tool."""

    reading: ss.Reading
    source: str  # "ss" or "psutil"
    tool_version: str
    reason: str = ""  # what limits it, as a sentence


def read(memo: ss.Memo, *, with_owners: bool, timeout: float) -> Seen:
    """
    Return the listening sockets; without owners it costs a fraction on a busy machine (N59).

    `timeout` is in seconds. psutil always tells owners. Raises OSError, tool.ToolError and
    ss.ParseError.
    """
    path = next((path for path in PATHS if Path(path).exists()), None)
    if path is None:
        return Seen(connections.listening(), "psutil", f"psutil {psutil.__version__}", NO_SS)
    said, version = _version(path)
    owners = "p" if with_owners else ""
    no_header = "H" if not version or version >= KNOWS_NO_HEADER else ""
    flags = f"-lntu{owners}{no_header}e"
    reading = ss.parse(tool.run(path, flags, timeout=timeout), version=version, memo=memo)
    return Seen(reading, "ss", said, NO_NETLINK if reading.through_proc else "")


def misses(keys: Collection[tuple[str, int]]) -> bool:
    """
    Whether psutil, asked as a second witness, sees a server on a port that is not among these.

    It is how a look that misses much is told from a machine on which much has ended: ss may
    well come back empty, or cut short, twice (N56).
    """
    ephemeral = machine.ephemeral_ports()
    try:
        sockets = connections.listening().sockets
    except tool.ToolError:
        return True
    return any(
        (each.protocol, each.port) not in keys
        for each in sockets
        if each.protocol is Protocol.TCP or each.port not in ephemeral
    )


@lru_cache
def _version(path: str) -> tuple[str, tuple[int, ...] | None]:
    """Return what this ss calls itself, and its version if it tells one. Asked once."""
    try:
        said = tool.run(path, "-V", timeout=10)
    except tool.ToolError:  # the text that it lists tells most as well
        return "", None
    return safe(said.strip(), 64), ss.parse_version(said)
