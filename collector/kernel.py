"""
Listeners of the kernel itself: NFS, VXLAN, WireGuard and others that no process holds (N45).

A port alone proves nothing: a process that is hidden from us may listen on 2049 as well. So a
feature is named only where there is evidence that it runs here, read when it is asked for:
what the kernel lists itself, an interface, a thread of the kernel (no process can have its
flag) or a module that is loaded on demand. Where none of it can be seen, as from a container,
nothing is named. The evidence is weakest for ports of the feature's own choice: any UDP socket
that nobody holds while there is a WireGuard interface, any on an ephemeral port beside lockd.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from collector import machine, tool
from collector.sweep import Protocol

PROC = "/proc"
SYS = "/sys"
IP = ["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip", "/bin/ip"]
LIMIT = 8 << 20  # bytes of output; an interface has about a thousand
KERNEL_THREAD = 0x0020_0000  # PF_KTHREAD, include/linux/sched.h
WORKER = b"kworker/R-"  # since 6.8 in front of the name of a queue's rescuer
PORT_KEYS = {"vxlan": "port", "geneve": "port", "bareudp": "dstport"}  # of ip -details -json

TCP, UDP = Protocol


class Feature(NamedTuple):
    """A part of the kernel that listens on known ports, and what shows that it runs."""

    name: str
    protocols: Collection[Protocol]
    ports: Collection[int]
    thread: bytes = b""  # how its threads' names begin
    module: str = ""  # loaded only when somebody uses it


FEATURES = [
    Feature("nfsd", {TCP, UDP}, {2049}, thread=b"nfsd"),
    Feature("ksmbd", {TCP}, {445}, thread=b"ksmbd-"),
    Feature("iscsi target", {TCP}, {3260}, thread=b"iscsi_np"),
    Feature("nvme target", {TCP}, {4420, 8009}, thread=b"nvmet"),
    Feature("drbd", {TCP}, range(7788, 7800), thread=b"drbd_"),
    Feature("ocfs2", {TCP}, {7777}, thread=b"o2net"),
    Feature("dlm", {TCP}, {21064}, thread=b"dlm_"),
    Feature("rds", {TCP}, {16385}, thread=b"krdsd"),
    Feature("rxrpc", {UDP}, {7001}, thread=b"krxrpc"),
    Feature("ipvs", {UDP}, {8848}, thread=b"ipvs-b:"),
    # Interfaces made here and moved to a container's namespace, as Docker Swarm does, leave
    # their socket behind and show nowhere else.
    Feature("vxlan", {UDP}, {4789, 8472}, module="vxlan"),
    Feature("geneve", {UDP}, {6081}, module="geneve"),
    Feature("l2tp", {UDP}, {1701}, module="l2tp_core"),
    Feature("gtp", {UDP}, {2152, 3386}, module="gtp"),
]
# Of these the port is set, or 0 where the kernel chooses: thread, setting below /proc or /sys.
CHOOSERS = [
    ("lockd", b"lockd", TCP, "proc/sys/fs/nfs/nlm_tcpport"),
    ("lockd", b"lockd", UDP, "proc/sys/fs/nfs/nlm_udpport"),
    ("nfs callback", b"nfsv4.0-svc", TCP, "sys/module/nfs/parameters/callback_tcpport"),
]


class Evidence:
    """What runs in this kernel, each kind of it read once, when it is first asked for."""

    @cached_property
    def threads(self) -> list[bytes]:
        """The names of the kernel's threads."""
        return list(_threads())

    @cached_property
    def links(self) -> list[tuple[str, dict]]:
        """The kind of each virtual interface and what `ip` tells of it."""
        return list(_links())


def listener(protocol: Protocol, port: int, evidence: Evidence, *, is_unheld: bool) -> str:
    """
    Return the feature of the kernel that listens on a port, "" if none is known to.

    To be asked only about a socket of which no holder was found; `is_unheld` says that every
    process was looked into, so that there is none. Never raises.
    """
    if _exports(protocol, port):
        return "nfsd"
    for feature in FEATURES:
        if protocol in feature.protocols and port in feature.ports and _runs(feature, evidence):
            return feature.name
    for name, thread, chosen, setting in CHOOSERS if is_unheld else ():
        if protocol is chosen and _may_choose(setting, port) and _has_thread(thread, evidence):
            return name
    return _tunnel(port, evidence, is_unheld=is_unheld) if protocol is UDP else ""


def _read(path: str) -> bytes:
    root, _, rest = path.partition("/")
    try:
        with Path({"proc": PROC, "sys": SYS}[root], rest).open("rb") as file:
            return file.read(1 << 16)
    except OSError:
        return b""


def _exports(protocol: Protocol, port: int) -> bool:
    """Whether nfsd lists the port as its own: "tcp 2049", a line each."""
    return f"{protocol} {port}".encode() in _read("proc/fs/nfsd/portlist").splitlines()


def _runs(feature: Feature, evidence: Evidence) -> bool:
    if feature.thread:
        return _has_thread(feature.thread, evidence)
    # A module that is built in has no state, and is there whether it is used or not.
    return _read(f"sys/module/{feature.module}/initstate").strip() == b"live"


def _may_choose(setting: str, port: int) -> bool:
    chosen = _read(setting).strip()
    return chosen == b"%d" % port or (chosen == b"0" and port in machine.ephemeral_ports())


def _has_thread(name: bytes, evidence: Evidence) -> bool:
    return any(each.removeprefix(WORKER).startswith(name) for each in evidence.threads)


def _threads() -> Iterator[bytes]:
    """Yield the names of the kernel's threads, whose flag no process can have."""
    pids: list[str] = []
    with suppress(OSError):
        pids = [name for name in os.listdir(PROC) if name.isdigit()]  # noqa: PTH208  # names, no paths
    for pid in pids:
        # A name may have parentheses in it; nothing behind it has (proc_pid_stat(5)).
        head, _, tail = _read(f"proc/{pid}/stat").rpartition(b") ")
        fields = tail.split(None, 7)
        if len(fields) > 6 and fields[6].isdigit() and int(fields[6]) & KERNEL_THREAD:
            yield head.partition(b"(")[2]


def _tunnel(port: int, evidence: Evidence, *, is_unheld: bool) -> str:
    """Return the kind of the tunnel interface that receives on a UDP port, "" if there is none."""
    for kind, data in evidence.links:
        if kind in PORT_KEYS and data.get(PORT_KEYS[kind]) == port:
            return kind
    # Netlink alone tells its port, and hardly any other socket is without a holder.
    return "wireguard" if is_unheld and "wireguard" in [kind for kind, _ in evidence.links] else ""


def _links() -> Iterator[tuple[str, dict]]:
    """Yield the kind of each virtual interface and what `ip` tells of it."""
    for path in IP:
        try:
            output = tool.run(path, "-details", "-json", "link", "show", timeout=2, limit=LIMIT)
            told = json.loads(output)
        except FileNotFoundError:
            continue
        except (tool.ToolError, OSError, ValueError, RecursionError):
            return
        for link in told if isinstance(told, list) else ():
            info = link.get("linkinfo") if isinstance(link, dict) else None
            kind = info.get("info_kind") if isinstance(info, dict) else None
            if isinstance(kind, str):
                data = info.get("info_data")
                yield kind, data if isinstance(data, dict) else {}
        return
