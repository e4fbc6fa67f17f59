"""What waits for the hub, in order: the newest report in memory, all others on the disk."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from collector.agent.report import Body, Report
from collector.agent.spool import DamagedError, Spool
from collector.agent.voice import Voice, say


class Known(NamedTuple):
    """What the hub was told last, and by which digest it knows that."""

    content: str
    digest: str


class Outbox:
    """
    Reports that nobody acknowledged.

    As long as the hub answers nothing is written to the disk: a report is, once the hub did not
    take it, or another one comes before it did. One that the disk refuses stays in memory until
    the next one comes.
    """

    def __init__(self, spool: Spool, clock: Callable[[], datetime]) -> None:
        self._spool, self._clock = spool, clock
        self._fresh: Report | None = None  # newer than all of the spool
        self._given_up = 0  # by the hub, or by the disk
        self._voice = Voice()
        if spool.dropped:
            say(f"What was kept under another name, or in part, is dropped: {spool.dropped}.")

    def __len__(self) -> int:
        return len(self._spool) + (self._fresh is not None)

    @property
    def dropped(self) -> int:
        """How many reports were given up since this process began."""
        return self._spool.dropped + self._given_up

    def put(self, report: Report) -> None:
        """Add the newest report."""
        self.keep()
        self._give_up_fresh()
        self._fresh = report
        if len(self._spool):
            self.keep()

    def keep(self) -> None:
        """Bring to the disk whatever is not there yet, if it takes that."""
        if not self._fresh:
            return
        before = self._spool.dropped
        try:
            self._spool.put(self._fresh)
        except OSError as exc:
            self._voice.trouble(
                f"The disk takes no more sweeps: {exc.strerror}. Of those to come only the newest "
                "is kept; see --spool."
            )
            return
        self._fresh = None
        if self._spool.dropped > before:
            self._voice.trouble("There is no room for more sweeps: the oldest are dropped.")
        else:
            self._voice.relief()

    def put_away(self) -> int:
        """Bring all to the disk, for this process ends. Return how many reports wait there."""
        self.keep()
        self._give_up_fresh()
        return len(self._spool)

    def first(self, known: Known | None) -> tuple[Report, Body] | None:
        """Return the oldest report and how to send it now, None if none waits."""
        while True:
            try:
                report = self._first()
                return (report, _body(report.sent(self._clock()), known)) if report else None
            except DamagedError:  # noqa: PERF203  # each of them may be
                self._spool.drop()
                self._voice.trouble("Sweeps that were kept can't be read, and are dropped.")

    def remove(self, report: Report) -> None:
        """Forget the oldest report, if it still is this one: there may have been no room for it."""
        with suppress(DamagedError):  # told when it is to be sent
            first = self._first()
            if first and first.taken_at == report.taken_at:
                if len(self._spool):
                    self._spool.pop()
                else:
                    self._fresh = None

    def give_up(self, report: Report) -> None:
        """Forget a report that the hub will never take, and count it."""
        self.remove(report)
        self._given_up += 1

    def _give_up_fresh(self) -> None:
        self._given_up += self._fresh is not None
        self._fresh = None

    def _first(self) -> Report | None:
        return self._spool.first() or self._fresh


def _body(report: Report, known: Known | None) -> Body:
    if known and report.content == known.content:
        return report.brief(known.digest)
    return report.whole()
