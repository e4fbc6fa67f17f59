"""
A churn of listeners on loopback addresses, by chance, and the exact record of what was done.

    python -m tests.benchmarks.churn FOLDER --seconds 1200 [--seed 1]

The record is `record.jsonl` in the folder (ledger.py). At the end it says "done" and keeps all
sockets open until its standard input ends. Needs a network of its own.
"""

import argparse
import random
import sys
import time
from contextlib import suppress
from pathlib import Path

from tests.benchmarks.actors import Actor, RefusedError, Stage
from tests.benchmarks.ledger import Key, Ledger, Socket, leader_of

PROGRAMS = ["alpha", "beta", "gamma"]
ADDRESSES = ["127.0.0.1", "127.0.0.53", "::1"]
SERVED, LENT = range(20_000, 20_400), range(32_768, 61_000)  # the second is for clients
PAUSE = 0.3  # seconds between two operations, on average
FEWEST, MOST = 140, 260  # ports open at a time
ACTORS, MOST_ACTORS = 24, 70
WEIGHTS = {
    "open": 24,
    "close": 14,
    "blink": 3,
    "restart": 8,
    "replace": 8,
    "widen": 4,
    "narrow": 4,
    "gather": 3,
    "prefork": 3,
    "refork": 2,
    "lose_worker": 3,
    "lose_master": 2,
    "hand_over": 6,
    "become": 3,
    "rename": 5,
    "rename_thread": 2,
    "kill": 3,
}


class NothingError(Exception):
    """There is nothing at the moment that the operation could be done to."""


class Churn:
    def __init__(self, folder: Path, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311  # a plan, no secret
        self.stage = Stage(folder, PROGRAMS)
        self.ledger = Ledger(folder)
        self.renames = 0

    def run(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            operation = self.choose()
            try:
                with suppress(NothingError):
                    getattr(self, operation)()
            except RefusedError as exc:
                self.ledger.refuse(operation, str(exc))
            self.retire()
            time.sleep(self.chance.expovariate(1 / PAUSE))

    def choose(self) -> str:
        count = len({each.key for each in self.ledger.sockets})
        if count < FEWEST and self.chance.random() < 0.5:
            return "open"
        if count > MOST:
            return self.chance.choice(["close", "kill"])
        return self.chance.choices([*WEIGHTS], [*WEIGHTS.values()])[0]

    def retire(self) -> None:
        """Take away an actor that is of no more use."""
        idle = [each for each in self.ledger.actors if not self.ledger.held(each)]
        if idle and len(self.ledger.actors) > ACTORS:
            self.ledger.end("retire", idle[0])

    # Choices

    def one(self, of):
        """Choose by chance. Raises NothingError."""
        if not of:
            raise NothingError
        return self.chance.choice(of)

    def lone(self) -> tuple[Socket, Actor]:
        """Choose a socket that one process holds, the only one of its port, and that process."""
        keys = [each.key for each in self.ledger.sockets]
        socket = self.one(
            [
                each
                for each in self.ledger.sockets
                if len(each.holders) == 1 and keys.count(each.key) == 1
            ]
        )
        return socket, *socket.holders

    def busy(self) -> Actor:
        return self.one([each for each in self.ledger.actors if self.ledger.held(each)])

    def master(self) -> Actor:
        """Choose one that leads sockets which others hold too."""
        return self.one([each.leader for each in self.ledger.sockets if len(each.holders) > 1])

    def start(self, exe: str | None = None) -> Actor:
        self.make_room()
        actor = self.stage.start(exe or self.one(self.stage.exes))
        self.ledger.actors.append(actor)
        return actor

    def make_room(self) -> None:
        if len(self.ledger.actors) >= MOST_ACTORS:
            raise NothingError

    def some_actor(self, exe: str | None = None) -> Actor:
        """Choose an actor of this program, or of any, without relatives."""
        actors = self.ledger.actors
        fit = [each for each in actors if not each.has_family and exe in {None, each.exe}]
        return self.start(exe) if len(actors) < ACTORS or not fit else self.one(fit)

    def other_program(self, exe: str) -> str:
        return self.one([each for each in self.stage.exes if each != exe])

    def free_key(self) -> Key:
        protocol = self.one(["tcp", "udp"])
        ports = LENT if self.chance.random() < 0.4 else SERVED
        taken = {each.key for each in self.ledger.sockets}
        return self.one([(protocol, port) for port in ports if (protocol, port) not in taken])

    # Operations

    def open(self) -> Socket:
        actor, key, address = self.some_actor(), self.free_key(), self.one(ADDRESSES)
        return self.ledger.listen("open", actor, key, address)

    def close(self) -> None:
        self.ledger.let_go("close", self.one(self.ledger.sockets))

    def blink(self) -> None:
        """Open and close at once, which a sweep sees or doesn't."""
        self.ledger.let_go("blink: close", self.open())

    def restart(self) -> None:
        """Let the same program listen again, in the same process or in another."""
        old, actor = self.lone()
        successor = self.one([actor, self.some_actor(actor.exe)])
        self.ledger.let_go("restart: close", old)
        self.ledger.listen("restart: open", successor, old.key, old.address)

    def replace(self) -> None:
        """Let another program listen where one has just stopped."""
        old, actor = self.lone()
        successor = self.some_actor(self.other_program(actor.exe))
        self.ledger.let_go("replace: close", old)
        self.ledger.listen("replace: open", successor, old.key, old.address)

    def widen(self) -> None:
        """Add an address to a port."""
        old, actor = self.lone()
        other = self.one([each for each in ADDRESSES if each != old.address])
        self.ledger.listen("widen", actor, old.key, other)

    def narrow(self) -> None:
        """Take one of several sockets from a port."""
        keys = [each.key for each in self.ledger.sockets]
        several = [each for each in self.ledger.sockets if keys.count(each.key) > 1]
        self.ledger.let_go("narrow", self.one(several))

    def gather(self) -> None:
        """Let several sockets share one address, in two processes of one program (N40)."""
        shared = [each for each in self.ledger.sockets if each.shared]
        if shared and self.chance.random() < 0.5:  # a group that is there gets one more
            old = self.one(shared)
            self.ledger.listen("gather: more", old.leader, old.key, old.address, shared=True)
            return
        key, address = self.free_key(), self.one(ADDRESSES)
        first = self.start()
        second = self.start(first.exe)
        first.has_family = second.has_family = True
        for actor in (first, second, first, second)[: self.chance.randint(2, 4)]:
            self.ledger.listen("gather", actor, key, address, shared=True)

    def prefork(self) -> None:
        master = self.start()
        for _ in range(self.chance.randint(1, 3)):
            self.ledger.listen("open", master, self.free_key(), self.one(ADDRESSES))
        for _ in range(self.chance.randint(2, 3)):
            self.make_room()
            self.ledger.fork("prefork", master)

    def refork(self) -> None:
        self.make_room()
        self.ledger.fork("refork", self.master())

    def lose_master(self) -> None:
        """Kill a master: its children keep the sockets (N33)."""
        self.ledger.end("lose_master", self.master())

    def lose_worker(self) -> None:
        socket = self.one([each for each in self.ledger.sockets if len(each.holders) > 1])
        workers = socket.holders - {leader_of(socket.holders)}
        worker = self.one(sorted(workers, key=lambda each: each.pid))
        self.ledger.end("lose_worker", worker)

    def hand_over(self) -> None:
        """Pass a socket on; who gave it lets go of it, or dies."""
        socket, giver = self.lone()
        if self.chance.random() < 0.5:
            kind, taker = "hand_over: same program", self.start(giver.exe)
        else:
            kind, taker = "hand_over: other program", self.start(self.other_program(giver.exe))
        self.ledger.give(kind, socket, giver, taker)
        if self.chance.random() < 0.4:
            self.ledger.end("hand_over: die", giver)
        else:
            self.ledger.let_go("hand_over: let go", socket, giver)

    def become(self) -> None:
        """Let a process go on as another program, with the same PID and sockets."""
        actor = self.busy()
        exe = self.other_program(actor.exe)
        self.ledger.change("become", actor, lambda: actor.become(exe))

    def rename(self) -> None:
        self.renames += 1
        actor, name = self.busy(), f"renamed ({self.renames})"
        self.ledger.change("rename", actor, lambda: actor.rename(name))

    def rename_thread(self) -> None:
        actor = self.busy()
        self.ledger.change("rename_thread", actor, lambda: actor.rename_a_thread("a thread"))

    def kill(self) -> None:
        self.ledger.end("kill", self.busy())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    Churn(arguments.folder, arguments.seed).run(arguments.seconds)
    sys.stdout.write("done\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
