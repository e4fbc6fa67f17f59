"""The made-up machine: a crowd of processes, with so many ports and other files open."""

import os
import subprocess

from tests.benchmarks import processes

PROCESSES = 500
FIRST_PORT = 10_000  # and all below the ports that the kernel lends to clients


class Machine:
    """Needs namespaces of its own, see processes.py."""

    def __init__(self) -> None:
        self.first = processes.start()
        self.people = self.first.fork(PROCESSES)
        self.ports = self.files = 0

    def open(self, ports: int) -> None:
        """Have so many ports open, spread over the processes."""
        for number in range(PROCESSES):
            opened = [port for port in range(self.ports, ports) if port % PROCESSES == number]
            if opened:
                self.people[number].listen(*(FIRST_PORT + port for port in opened))
        self.ports = ports

    def hold(self, files: int) -> None:
        """Have each process keep so many other files open."""
        for process in self.people:
            process.hold(files)
        self.files = files

    def holder_of(self, port: int) -> processes.Process:
        return self.people[(port - FIRST_PORT) % PROCESSES]

    def prove(self) -> str:
        """Say by `ss` and /proc what there is."""
        rows = subprocess.check_output(["ss", "-lntuH"]).count(b"\n")  # noqa: S607  # any ss counts
        files = sum(len(os.listdir(f"/proc/{each.pid}/fd")) for each in self.people)  # noqa: PTH208  # names, no paths
        if rows != self.ports or files < PROCESSES * self.files:
            raise RuntimeError(f"{rows} sockets and {files} files are not what was asked for.")
        return f"{rows:,} ports in {PROCESSES} processes with {files:,} open files"
