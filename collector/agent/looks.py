"""The looks at this machine as reports: what is hard to believe is looked at again at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from collector.agent.report import Report
from collector.bell import Bell
from collector.doubt import FEW_TO_REPEAT, doubt, is_confirmed
from collector.look import Watch
from collector.sweep import Sweep, Verdict

PATIENCE = 10  # seconds for ss; what the hub's own collector has by default


class Looks:
    def __init__(
        self,
        host_id: str,
        interval: float,
        clock: Callable[[], datetime],
        bell: Bell | None = None,
    ) -> None:
        self._host_id, self._interval, self._clock = host_id, interval, clock
        self._watch = Watch(bell)
        self._newest: Sweep | None = None  # what the last report was made of

    def take(self) -> Report:
        """Look. Half or more of what the last look saw is gone only if a second one says so."""
        before = self._watch.last
        sweep = self._look()
        is_poor = sweep.verdict == Verdict.COMPLETE and doubt(
            before.servers if before else set(), sweep, FEW_TO_REPEAT
        )
        if is_poor or sweep.verdict == Verdict.SUSPECT:
            return self.take_again()
        return Report.of(sweep)

    def take_again(self) -> Report:
        """Look once more, in full: both looks agreeing is what makes a poor one believed."""
        first = self._newest
        self._watch.forget()
        again = self._look()
        return Report.of(again, confirmed=first is not None and is_confirmed(first, again))

    def _look(self) -> Sweep:
        self._newest = self._watch.look(
            self._host_id, at=self._clock(), timeout=PATIENCE, interval=self._interval
        )
        return self._newest
