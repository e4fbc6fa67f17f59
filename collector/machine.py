"""The machine under our feet: who it is, since when it runs, which ports it lends to clients."""

from __future__ import annotations

import re
import socket
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from pathlib import Path
from time import CLOCK_BOOTTIME, clock_gettime, time

# The kernel's default, for output that was saved on another machine.
EPHEMERAL = range(32768, 61000)
UNPRIVILEGED = 1024
ADJUSTED = timedelta(seconds=2)
AT_ONCE = 1 << 20  # bytes; a list of every second port has a fifth of it


def _read(path: str) -> str:
    try:
        with Path(path).open("rb", buffering=0) as file:
            # At once: of a long list the kernel tells nothing to who reads on.
            return file.read(AT_ONCE).decode("ascii", "replace").strip()
    except OSError:  # a container may have no machine-id, a sandbox no /proc/sys
        return ""


@lru_cache
def machine_id() -> str:
    """Return the id that systemd gave this installation, "" if it has none."""
    return _read("/etc/machine-id")[:64]


@lru_cache
def boot_id() -> str:
    """Return the kernel's id of this boot, "" if it tells none."""
    return _read("/proc/sys/kernel/random/boot_id")[:64]


def booted_at(known: datetime | None = None) -> datetime:
    """
    Return when the machine booted, by its clock of now, to the second.

    Where that is what is `known`, give or take what a clock is adjusted by, so is the answer.
    """
    now = datetime.fromtimestamp(round(time() - uptime()), timezone.utc)
    return known if known and abs(known - now) <= ADJUSTED else now


def uptime() -> float:
    """Return the seconds since boot, suspend included: a clock that nobody sets (N63)."""
    return clock_gettime(CLOCK_BOOTTIME)


def host_name() -> str:
    """Return what the machine calls itself, in the letters that a host's name may have."""
    name = re.sub(r"[^A-Za-z0-9._:-]", "-", socket.gethostname())[:64].lstrip("._:-")
    return name or "this-host"


def ephemeral_ports() -> range:
    """Return the ports that the kernel hands to clients."""
    try:
        first, last = map(int, _read("/proc/sys/net/ipv4/ip_local_port_range").split())
    except ValueError:
        return EPHEMERAL
    return range(first, last + 1)


def reserved_ports() -> frozenset[int]:
    """Return the ephemeral ports that the kernel hands to nobody: `ip_local_reserved_ports`."""
    found: set[int] = set()
    for span in filter(None, _read("/proc/sys/net/ipv4/ip_local_reserved_ports").split(",")):
        first, _, last = span.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)


def unprivileged_from() -> int:
    """Return the lowest port that a program may bind without privileges."""
    try:
        return int(_read("/proc/sys/net/ipv4/ip_unprivileged_port_start"))
    except ValueError:
        return UNPRIVILEGED
