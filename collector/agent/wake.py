"""Waiting that ends when there is news: an answer, or a signal to stop."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class StoppedError(Exception):
    """Somebody asked the agent to stop while it was busy with what need not be finished."""


class Wake:
    """
    A bell that threads and signals ring.

    A pipe, for it can be rung at any moment: what `threading` has for it may be locked by the
    very thread that a signal interrupts.
    """

    def __init__(self) -> None:
        self._bell, self._rope = os.pipe()
        os.set_blocking(self._bell, False)
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
        """Return after so many seconds, or as soon as somebody rings, or has rung."""
        select.select([self._bell], [], [], max(0.0, seconds))
        with suppress(BlockingIOError):
            os.read(self._bell, 4096)

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
