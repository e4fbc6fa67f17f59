"""A stream of events that a test tells, readable as the kernel's is."""

import os
from time import monotonic

from collector.ledger import SocketEvent


class Told:
    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        self._events: list[SocketEvent] = []
        self._lost = 0
        self.known: list = []

    def open(self, cookie: str, port: int = 8080) -> None:
        self._tell(cookie, port, is_open=True)

    def shut(self, cookie: str, port: int = 8080) -> None:
        self._tell(cookie, port, is_open=False)

    def lose(self, count: int) -> None:
        """Have no room for so many events, and tell one."""
        self._lost += count
        self.open("last")
        self.shut("last")

    def _tell(self, cookie: str, port: int, *, is_open: bool) -> None:
        event = SocketEvent(is_open, "tcp", port, "127.0.0.1", cookie, 42, "nginx", monotonic())
        self._events.append(event)
        os.write(self._write, b".")

    def fileno(self) -> int:
        return self._read

    def read(self) -> list[SocketEvent]:
        events, self._events = self._events, []
        if events:
            os.read(self._read, len(events))
        return events

    def lost(self) -> int:
        lost, self._lost = self._lost, 0
        return lost

    def know(self, listeners) -> None:
        self.known.append([each.key for each in listeners])

    def close(self) -> None:
        os.close(self._read)
        os.close(self._write)
