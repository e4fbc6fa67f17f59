"""Whether the kernel can be asked to tell of ports, as far as a look at the system says."""

from __future__ import annotations

import os
import pkgutil
from collections.abc import Iterator
from pathlib import Path

from collector.ebpf import libbpf

OBJECT = "port_events.bpf.o"
CAPABILITIES = {"CAP_BPF": 39, "CAP_NET_ADMIN": 12, "CAP_PERFMON": 38}
_CAP_SYS_ADMIN = 21  # stands for all of them
_FIRST_USER_NAMESPACE = 0xEFFFFFFD  # its inode, on every Linux
_ROOT_OF_CGROUPS = 1  # likewise


def missing() -> str:
    """Return the first thing that is missing and what would mend it, as sentences; else ""."""
    return next(_faults(), "")


def programs() -> bytes:
    """Return the compiled programs, from a folder or a zip; b"" where they were not built."""
    try:
        return pkgutil.get_data(__package__, OBJECT) or b""
    except OSError:
        return b""


def cgroup_root() -> str | None:
    """Return where the root of all control groups is mounted, None if it can't be seen."""
    return next((path for path in _mounted() if _inode(path) == _ROOT_OF_CGROUPS), None)


def _faults() -> Iterator[str]:
    if os.uname().sysname != "Linux":
        yield "Only Linux tells of ports between two looks."
    if not programs():
        yield "The eBPF programs are not built. “manage.py ebpf build” does that."
    if not _mounted():
        yield "Control groups of version 2 are missing. Mount them: mount -t cgroup2."
    if cgroup_root() is None:
        yield (
            "Only a part of the control groups is visible here. "
            "Start the container with --cgroupns=host."
        )
    if _inode("/proc/self/ns/user") != _FIRST_USER_NAMESPACE:
        yield (
            "In a user namespace no privilege counts for eBPF. "
            "Start the container without one, not rootless."
        )
    if lacking := _lacking():
        yield f"The privileges {', '.join(lacking)} are missing. Grant them, or run as root."
    try:
        libbpf.library()
    except OSError:
        yield "libbpf 1 is missing. Debian, Ubuntu: apt install libbpf1."


def _mounted() -> list[str]:
    rows = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    return [row.split(" ")[4] for row in rows.splitlines() if " - cgroup2 " in row]


def _inode(path: str) -> int:
    try:
        return Path(path).stat().st_ino
    except OSError:
        return 0


def _lacking() -> list[str]:
    rows = Path("/proc/self/status").read_text(encoding="utf-8", errors="replace").splitlines()
    held = int(next(row.split()[1] for row in rows if row.startswith("CapEff:")), 16)
    if held >> _CAP_SYS_ADMIN & 1:
        return []
    return [name for name, bit in CAPABILITIES.items() if not held >> bit & 1]
