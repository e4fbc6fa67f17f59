"""
The record of the churn: who holds which socket, and every operation as it is done.

Each operation is a line of `record.jsonl`: when it began and ended, and how each port that it
touched stood from then on. Any change happened between these two times, by the clock that
sweeps are dated by.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.actors import Actor

Key = tuple[str, int]


@dataclass(eq=False)
class Socket:
    cookie: str
    key: Key
    address: str
    holders: set[Actor] = field(default_factory=set)
    shared: bool = False  # it was opened with SO_REUSEPORT

    @property
    def leader(self) -> Actor | None:
        return leader_of(self.holders)


def leader_of(holders: set[Actor]) -> Actor | None:
    """Return the one that started first: the master, not a worker (N17)."""
    return min(holders, key=lambda each: (each.started, each.pid), default=None)


class Ledger:
    """All that is open, and what opens and closes it. Whatever changes is written down."""

    def __init__(self, folder: Path) -> None:
        self.file = (folder / "record.jsonl").open("w", encoding="utf-8", buffering=1)
        self.actors: list[Actor] = []
        self.sockets: list[Socket] = []

    @contextmanager
    def note(self, operation: str) -> Iterator[set[Key]]:
        """Record what is done inside. The keys of the ports that it touches go into the set."""
        touched: set[Key] = set()
        before = time.time()
        yield touched
        entry = {
            "operation": operation,
            "before": before,
            "after": time.time(),
            "ports": [self.picture(key) for key in sorted(touched)],
        }
        self.file.write(f"{json.dumps(entry)}\n")

    def refuse(self, operation: str, why: str) -> None:
        """Record that nothing came of an operation."""
        with self.note(f"refused: {operation}: {why}"):
            pass

    def picture(self, key: Key) -> dict:
        """Return how a port stands now."""
        here = self.of(key)
        holders = {actor for each in here for actor in each.holders}
        leader = leader_of(holders)
        return {
            "protocol": key[0],
            "port": key[1],
            "sockets": sorted(each.cookie for each in here),
            "pid": leader and leader.pid,
            "name": leader and leader.name,
            "exe": leader and leader.exe,
        }

    def of(self, key: Key) -> list[Socket]:
        return [each for each in self.sockets if each.key == key]

    def held(self, actor: Actor) -> list[Socket]:
        return [each for each in self.sockets if actor in each.holders]

    def listen(
        self, operation: str, actor: Actor, key: Key, address: str, *, shared: bool = False
    ) -> Socket:
        with self.note(operation) as touched:
            cookie = actor.open(key[0], address, key[1], shared=shared)
            socket = Socket(cookie, key, address, {actor}, shared)
            self.sockets.append(socket)
            touched.add(key)
        return socket

    def let_go(self, operation: str, socket: Socket, *holders: Actor) -> None:
        with self.note(operation) as touched:
            for actor in holders or tuple(socket.holders):
                actor.close(socket.cookie)
                socket.holders.discard(actor)
            if not socket.holders:
                self.sockets.remove(socket)
            touched.add(socket.key)

    def end(self, operation: str, actor: Actor) -> None:
        held = self.held(actor)
        with self.note(operation) as touched:
            actor.kill()
            self.actors.remove(actor)
            for socket in held:
                socket.holders.discard(actor)
                if not socket.holders:
                    self.sockets.remove(socket)
                touched.add(socket.key)

    def fork(self, operation: str, master: Actor) -> None:
        with self.note(operation) as touched:
            child = master.fork()
            self.actors.append(child)
            for socket in self.held(master):
                socket.holders.add(child)
                touched.add(socket.key)

    def give(self, operation: str, socket: Socket, giver: Actor, taker: Actor) -> None:
        with self.note(operation) as touched:
            giver.give(socket.cookie, taker)
            socket.holders.add(taker)
            touched.add(socket.key)

    def change(self, operation: str, actor: Actor, change: Callable[[], None]) -> None:
        with self.note(operation) as touched:
            change()
            touched.update(each.key for each in self.held(actor))
