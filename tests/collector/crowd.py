"""Processes that listen, share, hand over, fork and become others, as a test tells them."""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Self

import pytest

from collector import process, reader, ss
from tests.benchmarks.actors import PR_SET_NAME, Actor, Stage

CHECKOUT = Path(__file__).resolve().parents[2]
NOBODY = 65534
KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


class Crowd:
    """Where actors come from. Whatever they have started ends with the block."""

    def __init__(self, folder: Path) -> None:
        before = signal.getsignal(signal.SIGCHLD)
        self._stage = Stage(folder, ["server", "other"])
        signal.signal(signal.SIGCHLD, before)  # tests want to know how their own children ended
        self.server, self.other = self._stage.exes
        self._started: list[Actor] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_) -> None:
        os.close(self._stage._end)
        os.close(self._stage.lifeline)
        for actor in self._started:
            self._reap(actor)

    def start(self, exe: str = "") -> Actor:
        self._started.append(self._stage.start(exe or self.server))
        return self._started[-1]

    def end(self, actor: Actor) -> None:
        """Kill an actor, and leave nothing of it, not even a zombie."""
        actor.kill()
        self._reap(actor)

    def _reap(self, actor: Actor) -> None:
        with suppress(ChildProcessError):  # a child of another actor, or ended before
            os.waitpid(actor.pid, 0)


def free_port(protocol: str = "tcp") -> int:
    with closing(socket.socket(type=KINDS[protocol])) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def listed(*ports: int) -> list[ss.Socket]:
    """Return what the real `ss -p` lists on these ports."""
    sockets = reader.read(ss.Memo(), with_owners=True, timeout=30).reading.sockets
    return [each for each in sockets if each.port in ports]


def rename(name: bytes) -> None:
    """Have this process call itself something else."""
    ctypes.CDLL(None).prctl(PR_SET_NAME, name, 0, 0, 0)


@contextmanager
def child(act: Callable[[], object] = lambda: None) -> Iterator[int]:
    """Have a child of this process, with all that it holds, do something and wait; lend its PID."""
    ready, done = os.pipe()
    over, end = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.close(end)
            act()
            os.write(done, b".")
            os.read(over, 1)  # until this end of the block is closed
        finally:
            os._exit(0)
    os.close(done)
    os.close(over)
    try:
        assert os.read(ready, 1), "the child did not do it"
        yield pid
    finally:
        os.close(ready)
        os.close(end)
        os.waitpid(pid, 0)


def told_by_nobody(question: Callable[[], object]):
    """Return what a process without any privilege answers, through JSON."""
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.write(write, json.dumps(question()).encode())
        finally:
            os._exit(0)
    os.close(write)
    with open(read, "rb") as pipe:  # noqa: PTH123  # a pipe has no path
        answer = pipe.read()
    os.waitpid(pid, 0)
    return json.loads(answer)


def told_in(place: Sequence[str], script: str):
    """Return the JSON that a script prints in another place: `unshare --net`, for example."""
    done = subprocess.run(  # noqa: S603  # our own script
        [*place, sys.executable, "-W", "error", "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
    )
    if done.returncode and ("not permitted" in done.stderr or "not supported" in done.stderr):
        pytest.skip("this machine lends us no such place")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class Asked:
    """Which processes were looked into: a wrapper around `process.sockets` that remembers."""

    def __init__(self, monkeypatch) -> None:
        self.pids: list[int] = []
        self._sockets = process.sockets
        monkeypatch.setattr(process, "sockets", self._remember)

    def _remember(self, pid: int) -> dict[int, int]:
        self.pids.append(pid)
        return self._sockets(pid)
