"""The agent at work: look, tell the hub, and keep what it did not take."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from time import monotonic

from collector.agent import backoff
from collector.agent.answer import Answer, Then
from collector.agent.courier import Courier
from collector.agent.looks import Looks
from collector.agent.outbox import Known, Outbox
from collector.agent.report import Body, Report
from collector.agent.ticks import Ticks
from collector.agent.voice import Voice, say
from collector.pace import AT_MOST_EVERY
from collector.sweep import Verdict
from collector.wake import StoppedError, Wake

IDLE = 60.0  # seconds without anything to send
PACE = 0.1  # seconds between two reports that waited: a hub that comes back has a thousand hosts


class Agent:
    """One look in each interval, and each look to the hub, the oldest first."""

    def __init__(self, looks: Looks, outbox: Outbox, courier: Courier, wake: Wake) -> None:
        self._looks, self._outbox, self._courier, self._wake = looks, outbox, courier, wake
        self._sent: tuple[Report, Body] | None = None  # what the courier is away with
        self._known: Known | None = None
        self._failures = 0  # in a row
        self._free_at = 0.0  # when the hub may be asked again
        self._delivered = 0  # since reports began to wait
        self._told = outbox.dropped  # of the reports that were dropped
        self._newest: Report | None = None
        self._may_repeat = False  # one look in an interval may be repeated for the hub
        self._chance = Random().random  # noqa: S311  # it spreads agents, and keeps no secret
        self._voice, self._sight = Voice(), Voice()

    def run(self, interval: float) -> None:
        """Go on until a signal says stop. What the hub did not take by then is kept."""
        due, ticks = monotonic(), Ticks(interval, monotonic(), self._chance)
        try:
            while not self._wake.is_stopping:
                began = monotonic()
                if self._failures and self._wake.bell.due <= began:
                    # While the hub is away nobody hears of it sooner, and a day of sweeps is kept.
                    self._wake.bell.looked(began)
                if began >= min(due, self._wake.bell.due):
                    self._look()
                    due = max(ticks.after(monotonic()), began + AT_MOST_EVERY)
                self._send()
                self._wake.wait(min(due, self._next_try()) - monotonic())
                self._heed(self._courier.collect())
        except StoppedError:
            pass
        kept = self._outbox.put_away()
        say("Stopped." + (f" Kept for the hub: {kept}." if kept else "") + self._loss())

    def run_once(self) -> bool:
        """Look once and bring what there is to the hub. Return whether that was seen and taken."""
        try:
            self._look()
            while self._outbox and not self._failures and not self._wake.is_stopping:
                self._send()
                self._wake.wait(self._next_try() - monotonic())
                self._heed(self._courier.collect())
        except StoppedError:
            pass
        is_taken = not self._outbox.put_away() and not self._outbox.dropped
        return self._newest is not None and self._newest.is_believed and is_taken

    def _look(self) -> None:
        self._may_repeat = True
        self._take(self._looks.take)

    def _take(self, take: Callable[[], Report]) -> None:
        with self._wake.interrupting():
            report = self._newest = take()
        self._outbox.put(report)
        if report.head["verdict"] == Verdict.FAILED:
            self._sight.trouble(f"This machine can't be looked at. {report.head['reason']}")
        else:
            self._sight.relief()

    def _send(self) -> None:
        if not self._courier.is_away and monotonic() >= self._free_at:
            self._sent = self._outbox.first(self._known)
            if self._sent:
                self._courier.send(self._sent[1])

    def _next_try(self) -> float:
        """Return when to send; an answer is told by the bell."""
        is_waiting = self._outbox and not self._courier.is_away
        return self._free_at if is_waiting else monotonic() + IDLE

    def _heed(self, answer: Answer | None) -> None:
        if not answer or not self._sent:
            return
        report, body = self._sent
        if answer.then is Then.GO_ON:
            self._acknowledge(report, answer)
        elif answer.then is Then.SEND_WHOLE and not body.is_whole:
            self._known = None
        elif answer.then is Then.LATE:
            self._outbox.remove(report)
            self._voice.trouble(f"The hub has a newer look; an older one is dropped. {answer.why}")
            self._go_on()
        elif answer.then is Then.DROP:
            self._known = None
            self._outbox.give_up(report)
            self._voice.trouble(f"The hub refuses a sweep, which is dropped. {answer.why}")
            self._go_on()
        else:
            self._leave_alone(answer)

    def _acknowledge(self, report: Report, answer: Answer) -> None:
        self._outbox.remove(report)
        is_known = answer.digest and report.content
        self._known = Known(report.content, answer.digest) if is_known else None
        self._delivered += 1
        self._go_on()
        if self._outbox:
            return
        if self._voice.relief():
            say(f"The hub takes sweeps again. Delivered: {self._delivered}." + self._loss())
        self._delivered = 0
        if answer.is_suspect and self._may_repeat and not report.is_confirmed:
            self._may_repeat = False
            self._take(self._looks.take_again)

    def _go_on(self) -> None:
        self._failures = 0
        self._free_at = monotonic() + PACE

    def _leave_alone(self, answer: Answer) -> None:
        """Ask again later. Until then sweeps are kept."""
        self._outbox.keep()
        self._failures += 1
        is_refused = answer.then is Then.BE_LET_IN
        asked = answer.retry_after
        wait = backoff.wait(self._failures, self._chance(), asked=asked, refused=is_refused)
        self._free_at = monotonic() + wait
        what = "lets nothing in" if is_refused else "did not take a sweep"
        self._voice.trouble(f"The hub {what}. {answer.why} Sweeps are kept until it does.")

    def _loss(self) -> str:
        """Say how many reports were dropped since this was last said."""
        lost, self._told = self._outbox.dropped - self._told, self._outbox.dropped
        return f" Dropped: {lost}." if lost else ""
