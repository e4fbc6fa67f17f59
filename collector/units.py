"""
Sockets that systemd holds for a service until its first client comes, and after (N46).

Read from `systemctl list-sockets --show-types`, whose text says the same from systemd 237 to
257; its JSON came later. One row is

    address:port[%device]  Stream|Datagram  name.socket  services

where up to 246 several services stand in one line, divided by commas, and none is nothing;
since 247 each further one has an indented line of its own, and none is a dash.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from collector import tool
from collector.sweep import Protocol
from collector.text import safe

PATHS = ["/usr/bin/systemctl", "/bin/systemctl"]
COMMAND = ["list-sockets", "--show-types", "--full", "--no-legend", "--no-pager"]
LIMIT = 4 << 20  # bytes of output; a row has about a hundred
PROTOCOLS = {b"Stream": Protocol.TCP, b"Datagram": Protocol.UDP}

# The path of a Unix socket may look like anything, but begins with a slash or an @.
ROW = re.compile(
    rb"(?:\d[\d.]*|\[[\da-f:.]+\]):(\d{1,5})(?:%\S+)?"
    rb"[ ]+(Stream|Datagram)[ ]+([^\s,]+\.socket)(?:[ ]+([^\s,]+)[^\n]*)?[ ]*"
).fullmatch
# A service per connection is called after its number and its client.
PER_CONNECTION = re.compile(r"([^@]*@)\d+-").match


class SocketUnit(NamedTuple):
    """A socket of systemd, and the service that it starts."""

    name: str  # "cups.socket"
    service: str  # "cups.service"; "git@.service" where each connection gets its own


NONE: Mapping[tuple[Protocol, int], SocketUnit] = MappingProxyType({})


def sockets(*, timeout: float = 2) -> Mapping[tuple[Protocol, int], SocketUnit]:
    """
    Return the socket unit of each port that the system's manager listens on.

    `timeout` is in seconds. Never raises: where there is no systemd, or it refuses or
    doesn't answer, there are none. The managers of users are not asked.
    """
    for path in PATHS:
        try:
            return parse(tool.run(path, *COMMAND, timeout=timeout, limit=LIMIT))
        except FileNotFoundError:  # noqa: PERF203  # two paths
            continue
        except (tool.ToolError, OSError):
            break
    return NONE


def parse(output: bytes) -> Mapping[tuple[Protocol, int], SocketUnit]:
    """Read what `systemctl list-sockets` printed; whatever is no port is passed over."""
    found: dict[tuple[Protocol, int], SocketUnit] = {}
    for line in output.split(b"\n"):
        row = ROW(line)
        if row is None:
            continue
        digits, kind, unit, service = row.groups(b"")
        if 0 < (port := int(digits)) <= 65535:
            name = safe(unit)
            # Two units may share a port on different addresses; the first is as good.
            found.setdefault((PROTOCOLS[kind], port), SocketUnit(name, _service(name, service)))
    return found


def _service(socket: str, activates: bytes) -> str:
    """
    Return the service of a socket unit.

    With Accept=yes it is a template (systemd.socket(5)), of which the row names the
    instances of the moment, if any: they would change with each client.
    """
    template = socket.removesuffix(".socket").partition("@")[0] + "@"
    service = safe(activates.strip(b"-"))
    instance = PER_CONNECTION(service)
    if not service or (instance and instance[1] == template):
        return f"{template}.service"
    return service
