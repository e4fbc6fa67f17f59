"""Waiting that ends when there is news: an answer, a port, or a signal to stop."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic

from collector.bell import Bell


class StoppedError(BaseException):
    """
    Somebody asked to stop while what need not be finished was under way.

    As KeyboardInterrupt it is no mishap, for which whoever minds those might take it.
    """


class Wake:
    """
    What a loop waits on: a rope that threads and signals pull, and the bell of the kernel.

    The rope is a pipe, for it can be pulled at any moment: what `threading` has for it may be
    locked by the very thread that a signal interrupts.
    """

    def __init__(self) -> None:
        self.bell = Bell()
        self._end, self._rope = os.pipe()
        os.set_blocking(self._end, False)
        os.set_blocking(self._rope, False)
        self.is_stopping = False
        self._may_raise = False

    def listen(self) -> None:
        """Have SIGTERM and SIGINT ask for the end."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def ring(self) -> None:
        with suppress(BlockingIOError):  # it rings enough
            os.write(self._rope, b".")

    def wait(self, seconds: float) -> None:
        """
        Return after so many seconds, or as soon as somebody rings, or has rung.

        What the bell tells meanwhile is heard; once it calls for a look this returns too.
        """
        until = monotonic() + seconds
        while True:
            now = monotonic()
            left = max(0.0, min(until, self.bell.due) - now)
            rest = self.bell.rest(now)
            ends: list[int | Bell] = [self._end] if rest else [self._end, self.bell]
            ready = select.select(ends, [], [], min(left, rest or left))[0]
            if self.bell in ready:
                self.bell.hear(monotonic())
            if self._end in ready or monotonic() >= min(until, self.bell.due):
                break
        with suppress(BlockingIOError):
            os.read(self._end, 4096)

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """Have a signal end what this block does, by StoppedError."""
        self._may_raise = True
        try:
            if self.is_stopping:
                raise StoppedError
            yield
        finally:
            self._may_raise = False

    def _stop(self, number: int, frame: object) -> None:
        self.is_stopping = True
        self.ring()
        if self._may_raise:
            self._may_raise = False
            raise StoppedError
