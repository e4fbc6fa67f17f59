"""
Processes that open files and listen, as they are told.

Each is a fork of one bare Python, waits for orders on a socket named after its PID and does
nothing else, so that hundreds of them are light. They need a network namespace of their own
(the names live there) and a PID namespace (whose end ends them all).
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence

PATIENCE = 60  # seconds for an answer
# What a port listens on, by its number: all kinds in equal parts.
KINDS = (
    (socket.AF_INET, socket.SOCK_STREAM, "127.0.0.1"),
    (socket.AF_INET, socket.SOCK_STREAM, "0.0.0.0"),
    (socket.AF_INET6, socket.SOCK_STREAM, "::"),
    (socket.AF_INET, socket.SOCK_DGRAM, "0.0.0.0"),
)


class Process:
    """A process of the made-up machine, seen from outside. Every order waits until it is done."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def fork(self, count: int = 1) -> list["Process"]:
        """Return its new children; they hold what it holds."""
        return [Process(pid) for pid in _order(self.pid, "fork", count)]

    def hold(self, files: int) -> None:
        """Have so many files open, beside the sockets."""
        _order(self.pid, "hold", files)

    def listen(self, *ports: int) -> None:
        _order(self.pid, "listen", *ports)

    def close(self, *ports: int) -> None:
        _order(self.pid, "close", *ports)

    def give(self, port: int, to: "Process") -> None:
        """Hand the open socket over and close it."""
        _order(self.pid, "give", port, to.pid)

    def kill(self) -> None:
        """Kill it and return when its files are closed."""
        watch = os.pidfd_open(self.pid)
        os.kill(self.pid, signal.SIGKILL)
        select.select([watch], [], [], PATIENCE)
        os.close(watch)


def start() -> Process:
    """Return the first process, which holds nothing: the parent of all others."""
    bare = subprocess.Popen([sys.executable, "-I", "-S", __file__], stdout=subprocess.PIPE)  # noqa: S603  # our own file
    bare.stdout.readline()
    bare.stdout.close()
    return Process(bare.pid)


class Worker:
    """The same process, seen from inside."""

    def __init__(self) -> None:
        self.files: list[int] = []
        self.sockets: dict[int, socket.socket] = {}
        self._open_door()

    def serve(self) -> None:
        while True:
            words, handed, _, caller = socket.recv_fds(self.door, 1 << 16, 1)
            order, *values = json.loads(words)
            answer = getattr(self, order)(*values, *handed)
            self.door.sendto(json.dumps(answer).encode(), caller)

    def fork(self, count: int) -> list[int]:
        ready, unready = os.pipe()
        pids = []
        for _ in range(count):
            if not (pid := os.fork()):
                os.close(ready)
                self.door.close()
                self._open_door()
                os.close(unready)
                self.serve()
            pids.append(pid)
        os.close(unready)
        os.read(ready, 1)  # ends when the last child has opened its door
        os.close(ready)
        return pids

    def hold(self, count: int) -> None:
        while len(self.files) > count:
            os.close(self.files.pop())
        while len(self.files) < count:
            self.files.append(os.open(os.devnull, os.O_RDONLY))

    def listen(self, *ports: int) -> None:
        for port in ports:
            family, kind, address = KINDS[port % len(KINDS)]
            self.sockets[port] = one = socket.socket(family, kind)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind((address, port))
            if kind == socket.SOCK_STREAM:
                one.listen()

    def close(self, *ports: int) -> None:
        for port in ports:
            self.sockets.pop(port).close()

    def give(self, port: int, pid: int) -> None:
        _order(pid, "take", port, hand=[self.sockets[port].fileno()])
        self.close(port)

    def take(self, port: int, file: int) -> None:
        self.sockets[port] = socket.socket(fileno=file)

    def _open_door(self) -> None:
        self.door = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.door.bind(_name(os.getpid()))


def _order(pid: int, *words: str | int, hand: Sequence[int] = ()):
    """Return the answer of a process to an order, with which open files may be handed over."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.settimeout(PATIENCE)
        line.bind("")
        line.connect(_name(pid))
        socket.send_fds(line, [json.dumps(words).encode()], hand)
        return json.loads(line.recv(1 << 16))


def _name(pid: int) -> bytes:
    return b"\0benchmark-%d" % pid


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the dead
    worker = Worker()
    os.write(1, b"ready\n")
    os.close(1)
    worker.serve()


if __name__ == "__main__":
    main()
