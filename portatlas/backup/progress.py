"""How far it is, in a line of a terminal that is written again and again."""

import time
from collections.abc import Callable
from typing import TextIO

from portatlas.backup.disk import in_bytes

EVERY = 0.2  # seconds


class Progress:
    """What is being done, and of how many bytes. Says nothing where no terminal is."""

    def __init__(self, out: TextIO, clock: Callable[[], float] = time.monotonic):
        self._out = out
        self._clock = clock
        self._is_shown = out.isatty()
        self._label, self._total, self._done, self._last = "", 0, 0, -EVERY

    def begin(self, label: str, total: int = 0) -> None:
        """Begin with something of so many bytes, 0 where nobody knows."""
        self._label, self._total, self._done, self._last = label, total, 0, -EVERY
        self.add(0)

    def add(self, more: int) -> None:
        self._done += more
        now = self._clock()
        if self._is_shown and now - self._last >= EVERY:
            self._last = now
            of = f" of {in_bytes(self._total)}" if self._total else ""
            self._write(f"{self._label}: {in_bytes(self._done)}{of}")

    def end(self) -> None:
        """Leave the line as it was before."""
        if self._is_shown:
            self._write("")

    def _write(self, text: str) -> None:
        self._out.write(f"\r{text}\x1b[K")
        self._out.flush()
