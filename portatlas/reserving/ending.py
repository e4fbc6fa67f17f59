"""
End processes, and no others: each by a handle that stays its own, whoever gets its PID next.

First they are asked to end (SIGTERM), and after a while they are ended (SIGKILL).
"""

import os
import select
import signal
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import ExitStack
from enum import StrEnum
from time import monotonic
from typing import Self

AT_ONCE = 2.0  # seconds in which one that gets SIGKILL ends, unless the kernel holds it


class Fate(StrEnum):
    """What became of a process."""

    ENDED = "ended"  # when it was asked to
    KILLED = "killed"
    LEFT = "left alone"  # it was none of those that are to end any more
    STAYS = "does not end"  # the kernel holds it, as where a disk does not answer


class Processes:
    """
    Processes by their handles, which are closed with the block.

    Those that have ended already are none of them; neither is a PID that comes to be another's.
    """

    def __init__(self, pids: Iterable[int]):
        self._pids = tuple(pids)
        self._handles: dict[int, int] = {}
        self._open = ExitStack()

    def __enter__(self) -> Self:
        for pid in self._pids:
            try:
                self._handles[pid] = os.pidfd_open(pid)
            except ProcessLookupError:
                continue
            self._open.callback(os.close, self._handles[pid])
        return self

    def __exit__(self, *exc: object) -> None:
        self._open.close()

    @property
    def running(self) -> list[int]:
        """The PIDs of those that have not ended, in the order in which they were said."""
        ended = self._ended(self._handles, 0)
        return [pid for pid in self._handles if pid not in ended]

    @property
    def forbidden(self) -> list[int]:
        """The PIDs of those that we may send no signal."""
        return [pid for pid in self._handles if not self._may_send(pid)]

    def end(self, is_meant: Callable[[int], bool], *, patience: float) -> dict[int, Fate]:
        """
        Have those end that are still meant then, and return what became of each.

        `patience` is for how many seconds they may take to end by themselves.
        """
        fates = dict.fromkeys(self._handles, Fate.LEFT)
        asked = [pid for pid in self.running if is_meant(pid) and self._send(pid, signal.SIGTERM)]
        ended = self._wait(asked, patience)
        fates |= dict.fromkeys(ended, Fate.ENDED)
        stubborn = [pid for pid in asked if pid not in ended]
        for pid in stubborn:
            self._send(pid, signal.SIGKILL)
        killed = self._wait(stubborn, AT_ONCE)
        fates |= {pid: Fate.KILLED if pid in killed else Fate.STAYS for pid in stubborn}
        return fates

    def _may_send(self, pid: int) -> bool:
        try:
            self._send(pid, 0)
        except PermissionError:
            return False
        return True

    def _send(self, pid: int, number: int) -> bool:
        """Return whether it was there to get the signal. Raises PermissionError."""
        try:
            signal.pidfd_send_signal(self._handles[pid], number)
        except ProcessLookupError:
            return False
        return True

    def _wait(self, pids: Collection[int], patience: float) -> set[int]:
        """Return those that have ended once all have, or after so many seconds."""
        deadline = monotonic() + patience
        left = {pid: self._handles[pid] for pid in pids}
        while left:
            ended = self._ended(left, max(0.0, deadline - monotonic()))
            left = {pid: handle for pid, handle in left.items() if pid not in ended}
            if not ended:
                break
        return set(pids) - left.keys()

    def _ended(self, handles: Mapping[int, int], patience: float) -> set[int]:
        """Return some that have ended, as soon as there are any: their handles can be read."""
        poller = select.poll()
        for handle in handles.values():
            poller.register(handle, select.POLLIN)
        ready = {handle for handle, _event in poller.poll(patience * 1000)}
        return {pid for pid, handle in handles.items() if handle in ready}
