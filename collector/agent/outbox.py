"""What waits for the hub, in order: the newest report in memory, all others on the disk."""

from __future__ import annotations

from contextlib import suppress
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
    take it, or another one comes before it did.
    """

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._fresh: Report | None = None  # newer than all of the spool
        self._refused = 0
        self._voice = Voice()

    def __len__(self) -> int:
        return len(self._spool) + (self._fresh is not None)

    @property
    def dropped(self) -> int:
        """How many reports were given up since the hub was last told everything."""
        return self._spool.dropped + self._refused

    def put(self, report: Report) -> None:
        """Add the newest report."""
        self.keep()
        self._fresh = report
        if len(self._spool):
            self.keep()

    def keep(self) -> None:
        """Bring to the disk whatever is not there yet."""
        fresh, self._fresh = self._fresh, None
        if fresh:
            try:
                self._spool.put(fresh)
            except OSError as exc:
                self._spool.dropped += 1
                self._voice.trouble(f"A sweep can't be kept, and is dropped: {exc.strerror}.")
            else:
                self._voice.relief()

    def first(self, known: Known | None) -> tuple[Report, Body] | None:
        """Return the oldest report and how to send it, None if none waits."""
        while True:
            try:
                report = self._first()
                return (report, _body(report, known)) if report else None
            except DamagedError:  # noqa: PERF203  # each of them may be
                self._spool.drop()
                say("A sweep that was kept can't be read any more, and is dropped.")

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
        self._refused += 1

    def _first(self) -> Report | None:
        return self._spool.first() or self._fresh


def _body(report: Report, known: Known | None) -> Body:
    if known and report.content == known.content:
        return report.brief(known.digest)
    return report.whole()
