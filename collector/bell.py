"""What the kernel tells between two looks, and when to look for it: what both loops wait on."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from collector.ledger import Ledger
from collector.news import News
from collector.pace import NEVER, Pace
from collector.sweep import EventSource, Listener

if TYPE_CHECKING:
    from collector.ebpf.stream import Stream

REST = 0.05  # seconds from one hearing to the next: a flood of events wakes nobody more often


class Bell:
    """
    The stream of events, what it told since the last look, and when that calls for a look.

    Without a stream it never rings. `source` and `reason` say what tells of ports here, in another
    process perhaps, or why nothing does. All times are seconds of CLOCK_MONOTONIC, which is the
    clock of the events.
    """

    def __init__(
        self,
        stream: Stream | None = None,
        *,
        source: EventSource = EventSource.NOTHING,
        reason: str = "",
    ) -> None:
        self.source = EventSource.EBPF if stream else source
        self.reason = reason
        self._stream = stream
        self._ledger, self._pace = Ledger(), Pace()
        self._heard_at = -NEVER

    @classmethod
    def hang(cls) -> Bell:
        """Return a bell that the kernel rings; where that is not to be had, one that says why."""
        from collector.ebpf import stream  # noqa: PLC0415  # ctypes, which few processes need

        try:
            return cls(stream.Stream())
        except stream.UnavailableError as exc:
            return cls(reason=str(exc))

    @property
    def due(self) -> float:
        """When to look for what was heard; infinite while there is nothing to look for."""
        return self._pace.due

    def fileno(self) -> int:
        """Return what becomes readable when there is something to hear, -1 if there never is."""
        return self._stream.fileno() if self._stream else -1

    def rest(self, now: float) -> float:
        """Return for how many seconds it is not to be heard yet: 0, or infinitely many."""
        return max(0.0, self._heard_at + REST - now) if self._stream else NEVER

    def hear(self, now: float) -> None:
        """Take in all that was told until now."""
        if self._stream:
            self._heard_at = now
            self._ledger.note(self._stream.read(), self._stream.lost())
            if self._ledger.is_ringing:
                self._pace.ring(now)
            else:
                self._pace.hush()

    def ring(self, now: float) -> None:
        """Ask for a look oneself."""
        self._pace.ring(now)

    def looked(self, now: float) -> None:
        """Take note that a look begins, whatever for."""
        self._pace.looked(now)

    def report(self, at: datetime, now: float) -> News:
        """Return what was heard since the last report, for a look at a time which is `now`."""
        return self._ledger.report(at, now)

    def know(self, listeners: Iterable[Listener]) -> None:
        """Have it told when the sockets close that the first look saw."""
        if self._stream:
            self._stream.know(listeners)

    def close(self) -> None:
        if self._stream:
            self._stream.close()
            self._stream = None
