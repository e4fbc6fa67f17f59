"""What the made-up machine goes through, and what a sweep of it may cost and has to tell."""

import shutil
import sys
from collections import defaultdict
from collections.abc import Callable
from operator import truediv
from statistics import median

import psutil

from tests.benchmarks import cpu
from tests.benchmarks.machine import FIRST_PORT, Machine
from tests.benchmarks.watcher import Watcher

REFERENCE = "ss -lntupH"
OTHERS = ("ss -lntuHe", "netstat -lntup", "lsof -nP -iTCP -sTCP:LISTEN -iUDP")
PSUTIL = "psutil"
SELDOM = 5  # these, which have no limit to meet, take part in every fifth round
ROTATION = 20  # looks: five minutes, in which every known owner is verified
BUSY = 100  # files that each process of a busy machine holds
FEW, SOME, MANY = 100, 1_000, 10_000  # ports
CHANGED = 10  # ports
SPARE = FIRST_PORT + MANY  # the first port that no scenario opens by itself

ROW = "{:30}{:>11}{:>8}{:>8}{:>7}{:>8}{:>9}{:>8}{:>8}\n"
TITLES = ("CPU ms", REFERENCE, "sweep", "ratio", "limit", "ss -e", "netstat", "lsof", PSUTIL)

Undo = Callable[[], object]


class Scenarios:
    def __init__(self, rounds: int) -> None:
        self.rounds = rounds
        self.machine = Machine()
        self.watcher = Watcher()
        self.broken: list[str] = []

    def run(self) -> list[str]:
        """Print the table and return the promises that were broken."""
        sys.stdout.write(ROW.format(*TITLES))
        self._become(FEW)
        self._measure("steady", 1 / 4)
        self._become(FEW, BUSY)
        self._measure("steady", 1 / 40)
        self._measure("a new process with 10 ports", 1 / 10, self._newcomer, (CHANGED, 0, 0))
        self._follow("a socket handed to another process", self._hand_over)
        self._follow("a master that left its workers", self._kill_master)
        self._follow("workers that were forked", self._fork_workers)
        self._become(SOME)
        self._measure("10 ports bound anew", 1 / 2, self._bind_anew, (0, 0, CHANGED))
        self._measure("10 ports more", 1 / 2, self._open_more, (CHANGED, 0, 0))
        self._become(MANY)
        self._measure("steady", 1 / 2)
        return self.broken

    def _become(self, ports: int, files: int = 0) -> None:
        self.machine.hold(files)
        self.machine.open(ports)
        sys.stdout.write(f"{self.machine.prove()}:\n")

    # What changes; each returns how to undo it.

    def _newcomer(self) -> Undo:
        [process] = self.machine.first.fork()
        process.listen(*range(SPARE, SPARE + CHANGED))
        return process.kill

    def _bind_anew(self) -> Undo:
        """The same ports on new sockets, in processes old and young."""
        for port in range(FIRST_PORT, FIRST_PORT + SOME, SOME // CHANGED):
            holder = self.machine.holder_of(port)
            holder.close(port)
            holder.listen(port)
        return lambda: None

    def _open_more(self) -> Undo:
        """New ports, in processes old and young."""
        step = len(self.machine.people) // CHANGED
        opened = list(zip(self.machine.people[::step], range(SPARE, SPARE + CHANGED), strict=True))
        for process, port in opened:
            process.listen(port)
        return lambda: [process.close(port) for process, port in opened]

    def _hand_over(self) -> Undo:
        giver, taker = self.machine.people[1:3]
        giver.give(FIRST_PORT + 1, taker)
        return lambda: taker.give(FIRST_PORT + 1, giver)

    def _kill_master(self) -> Undo:
        [master] = self.machine.first.fork()
        master.listen(SPARE)
        workers = master.fork(3)
        self.watcher.settle()
        master.kill()
        return lambda: [worker.kill() for worker in workers]

    def _fork_workers(self) -> Undo:
        workers = self.machine.people[5].fork(3)
        return lambda: [worker.kill() for worker in workers]

    # What it costs and tells.

    def _measure(
        self,
        name: str,
        limit: float,
        change: Callable[[], Undo] | None = None,
        expected: tuple[int, int, int] = (0, 0, 0),
    ) -> None:
        """
        Print what a sweep costs: a steady one, or the one that sees a change.

        `expected` is how many ports it has to see appear, go and be bound anew.
        """
        spent = defaultdict(list)

        def sweep() -> None:
            outcome = self.watcher.sweep()
            seen = (outcome.appeared, outcome.disappeared, outcome.rebound)
            self._check(outcome.sweep.verdict == "complete", f"{name}: {outcome.sweep.reason}")
            self._check(seen == expected, f"{name}: a sweep saw {seen} instead of {expected}.")

        self.watcher.settle()
        for number in range(self.rounds):
            undo = change() if change else None
            spent[REFERENCE].append(cpu.of_command(REFERENCE.split()))
            spent["sweep"].append(cpu.of_call(sweep))
            if number % SELDOM == 0:
                self._check_facts(name)
                for tool in OTHERS:
                    if shutil.which(tool.split()[0]):
                        spent[tool].append(cpu.of_command(tool.split()))
                spent[PSUTIL].append(cpu.of_call(lambda: psutil.net_connections("inet")))
            if undo:
                undo()
                self.watcher.settle()

        costs = {tool: 1000 * median(seconds) for tool, seconds in spent.items()}
        # Of neighbours in time, which whatever else runs on the machine slows down alike.
        ratio = median(map(truediv, spent["sweep"], spent[REFERENCE]))
        self._check(ratio <= limit, f"{name}: costs {ratio:.3f} of {REFERENCE}, not {limit:.3f}.")
        numbers = [
            f"{costs[tool]:.1f}" if tool in costs else "n/a"
            for tool in (REFERENCE, "sweep", *OTHERS, PSUTIL)
        ]
        numbers[2:2] = [f"1/{1 / ratio:.1f}", f"1/{1 / limit:g}"]
        sys.stdout.write(ROW.format(f"  {name}", *numbers))

    def _follow(self, name: str, change: Callable[[], Undo]) -> None:
        """Print after how many looks the cache tells the truth again about a change."""
        self.watcher.settle()
        undo = change()
        looks = 1
        while (difference := self.watcher.difference()) and looks < ROTATION:
            looks += 1
        self._check(not difference, f"{name}: still untrue after {looks} looks: {difference}.")
        told = "still untrue" if difference else "told as without a cache"
        sys.stdout.write(f"  {name}: {told} after {looks} looks of {ROTATION}\n")
        undo()
        for _ in range(ROTATION):
            self.watcher.sweep()

    def _check_facts(self, name: str) -> None:
        difference = self.watcher.difference()
        self._check(not difference, f"{name}: {difference}.")

    def _check(self, holds: bool, broken: str) -> None:
        if not holds:
            self.broken.append(broken)
