"""The sockets that open and close in our network namespace, as the kernel tells it."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import sys
from collections.abc import Iterable
from struct import Struct

from collector.ebpf import libbpf, record, support
from collector.ledger import SocketEvent
from collector.sweep import Listener

PROGRAMS = (b"on_bind4", b"on_bind6", b"on_tcp", b"on_release")
AT_ONCE = 2_000  # events of one read(); the ring holds fewer, so that more are a flood
SO_COOKIE = 57  # asm-generic/socket.h

# An old libffi writes code for what libbpf calls, and may not.
NO_CALLBACK = (
    "libffi may not make memory executable here. It takes version 3.4 or newer, or a service "
    "without MemoryDenyWriteExecute=."
)
_STATE = Struct("=QQQ")  # the probe's cookie, its namespace, how many events were lost
_FIRST = bytes(4)  # the key of the one element of an array
_NOEXIST = 1  # linux/bpf.h: BPF_NOEXIST


class UnavailableError(Exception):
    """The kernel can't be asked here; str() says why and what would mend it, in sentences."""


class Stream:
    """
    The events since it began. Raises UnavailableError where that can't be.

    The kernel keeps programs and maps for as long as this process has them open, so nothing is
    left of them however it ends.
    """

    def __init__(self) -> None:
        if reason := support.missing():
            raise UnavailableError(reason)
        self._bpf = libbpf.library()
        self._object: int | None = None
        self._ring: int | None = None
        self._links: list[int] = []
        self._told: list[bytes] = []
        self._lost = 0
        self._is_seeded = False
        self._sees_pids = True
        try:
            self._load()
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                self._begin(probe)
        except BaseException as exc:
            self.close()
            if isinstance(exc, OSError):
                raise UnavailableError(_refusal(exc)) from exc
            if isinstance(exc, MemoryError):
                raise UnavailableError(NO_CALLBACK) from exc
            raise

    def fileno(self) -> int:
        """Return what is readable when there are events."""
        return int(self._bpf.ring_buffer__epoll_fd(self._ring))

    def read(self) -> list[SocketEvent]:
        """Return the events since the last call, oldest first, at most AT_ONCE. Never blocks."""
        self._bpf.ring_buffer__consume(self._ring)
        told, self._told = self._told, []
        events = [record.read(each) for each in told]
        return events if self._sees_pids else [each._replace(pid=None) for each in events]

    def lost(self) -> int:
        """Return for how many events since the last call there was no room."""
        state = ctypes.create_string_buffer(_STATE.size)
        self._bpf.bpf_map_lookup_elem(self._state, _FIRST, state)
        before, self._lost = self._lost, _STATE.unpack(state.raw)[2]
        return self._lost - before

    def know(self, listeners: Iterable[Listener]) -> None:
        """
        Tell the kernel of the sockets that were there before, so that it tells when they close.

        That is what the first look saw; only the first call does anything. What a later one sees
        was told by the kernel, or is a client's that nobody bound, and would ring at its end.
        """
        if self._is_seeded:
            return
        self._is_seeded = True
        for listener in listeners:
            for each in listener.endpoints:
                if each.cookie:
                    raw = record.write(listener.protocol, listener.port, each.address, each.cookie)
                    self._bpf.bpf_map_update_elem(self._open, record.cookie(raw), raw, _NOEXIST)

    def close(self) -> None:
        """Take the programs out of the kernel. May be called twice."""
        while self._links:
            self._bpf.bpf_link__destroy(self._links.pop())
        if self._ring:
            self._bpf.ring_buffer__free(self._ring)
        if self._object:
            self._bpf.bpf_object__close(self._object)
        self._ring = self._object = None

    def _load(self) -> None:
        bpf, programs = self._bpf, support.programs()
        self._object = libbpf.pointer(bpf.bpf_object__open_mem(programs, len(programs), None))
        libbpf.number(bpf.bpf_object__load(self._object))
        self._state, self._open = self._map(b".bss"), self._map(b"open")
        self._take = libbpf.Sample(self._receive)  # libbpf keeps no reference
        ring = bpf.ring_buffer__new(self._map(b"events"), self._take, None, None)
        self._ring = libbpf.pointer(ring)

    def _begin(self, probe: socket.socket) -> None:
        """Attach, and bind a socket: the programs learn where we are, and we that they live."""
        cookie = probe.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8)
        state = _STATE.pack(int.from_bytes(cookie, sys.byteorder), 0, 0)
        libbpf.number(self._bpf.bpf_map_update_elem(self._state, _FIRST, state, 0))
        self._attach()
        probe.bind(("0.0.0.0", 0))  # noqa: S104  # for a moment, and where "lo" is down too
        told = self.read()
        if not told:
            raise OSError(errno.ENODATA, "nothing was told")
        # Another number for this very process is that of another PID namespace.
        ours = f"{int.from_bytes(cookie, sys.byteorder):x}"
        self._sees_pids = (ours, os.getpid()) in {(each.cookie, each.pid) for each in told}

    def _attach(self) -> None:
        bpf = self._bpf
        root = os.open(support.cgroup_root() or "", os.O_RDONLY | os.O_DIRECTORY)
        try:
            for name in PROGRAMS:
                program = bpf.bpf_object__find_program_by_name(self._object, name)
                self._links.append(libbpf.pointer(bpf.bpf_program__attach_cgroup(program, root)))
        finally:
            os.close(root)

    def _map(self, name: bytes) -> int:
        return libbpf.number(self._bpf.bpf_object__find_map_fd_by_name(self._object, name))

    def _receive(self, _context: int, data: int, size: int) -> int:
        self._told.append(ctypes.string_at(data, size))
        return 0 if len(self._told) < AT_ONCE else -errno.EAGAIN


def _refusal(exc: OSError) -> str:
    if exc.errno in (errno.EPERM, errno.EACCES):
        return (
            "The kernel does not permit eBPF here, although the privileges are there. "
            "The seccomp profile of the container has to permit bpf(2)."
        )
    if exc.errno in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
        return (
            f"Linux {os.uname().release} lacks what the eBPF programs need. "
            "It takes 5.9 or newer, with CONFIG_CGROUP_BPF."
        )
    if exc.errno == errno.ENODATA:
        return (
            "The eBPF programs are attached, but see no socket of ours. "
            "Control groups of version 1 (net_cls, net_prio) have to be unmounted."
        )
    return f"eBPF can't be used: {exc.strerror}."
