"""In which stretches a host was watched, and what lies between them: rows and a bar."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Self

from collector.models import Coverage, Host
from collector.timekeeping import ours, patience
from portatlas.words import ago, span

STRETCHES = 500  # that a bar is made of, at most
ROWS = 50  # of the table
WEEK = timedelta(days=7)
BAR = 1000  # units of its drawing
LEAST = 3  # of them that a stretch is drawn with, however short


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time in which a host was watched without a break."""

    began: datetime
    ended: datetime
    sweeps: int
    failures: int
    last_failure: str
    is_open: bool
    is_gap = False

    @classmethod
    def of(cls, row: Coverage) -> Self:
        return cls(
            row.started_at, row.until, row.looks, row.failures, row.last_failure, row.is_open
        )

    @property
    def length(self) -> str:
        return span(self.ended - self.began)


@dataclass(frozen=True, slots=True)
class Gap:
    """A time between two stretches, or since the last one, in which nobody looked."""

    began: datetime
    ended: datetime
    why: str
    is_gap = True

    @property
    def length(self) -> str:
        return span(self.ended - self.began)


@dataclass(frozen=True, slots=True)
class Watch:
    """How a host was watched: its stretches and the gaps between them, the newest first."""

    rows: tuple[Stretch | Gap, ...]
    is_whole: bool  # whether the first stretch is among them

    @property
    def gaps(self) -> list[Gap]:
        return [row for row in self.rows if isinstance(row, Gap)]

    @property
    def stretches(self) -> list[Stretch]:
        return [row for row in self.rows if isinstance(row, Stretch)]

    @property
    def open(self) -> Stretch | None:
        """The stretch that is still being extended, as far as anybody knows."""
        return next((row for row in self.stretches if row.is_open), None)

    def newest(self) -> list[Stretch | Gap]:
        """Return the rows of the table: the newest stretches and the gaps around them."""
        oldest = self.stretches[:ROWS][-1:]
        return [row for row in self.rows if oldest and row.began >= oldest[0].began]


def watch(host: Host, now: datetime) -> Watch:
    """Return how a host was watched, in one query."""
    rows = list(host.coverage.all()[: STRETCHES + 1])
    is_whole = len(rows) <= STRETCHES
    return Watch(tuple(_with_gaps(rows[:STRETCHES], host, now)), is_whole)


def _with_gaps(rows: Sequence[Coverage], host: Host, now: datetime):
    """Yield each stretch and what lies before it, the newest first."""
    if rows and now - ours(rows[0].until, host.clock_ahead) > patience(host.sweep_interval):
        why = "Nobody has looked since." if host.sweep_interval else "No look is planned."
        yield Gap(rows[0].until, now, why)
    for row, before in pairwise([*rows, None]):
        yield Stretch.of(row)
        if before:
            is_reboot = row.boot_id != before.boot_id
            why = "It rebooted in between." if is_reboot else "Nobody looked."
            yield Gap(before.until, row.started_at, why)


@dataclass(frozen=True, slots=True)
class Bar:
    """The last week as a bar: where it is filled, from where to where, and the same in words."""

    began: datetime
    ended: datetime
    parts: tuple[tuple[str, str], ...]  # (x, width) of each stretch, of BAR
    text: str

    @classmethod
    def of(cls, watched: Watch, now: datetime) -> Self:
        """Draw the week up to `now`; `watched` has every stretch of it, or the last 500."""
        began = now - WEEK
        inside = [
            (max(row.began, began), min(row.ended, now))
            for row in watched.stretches
            if row.ended > began and row.began < now
        ]
        parts = tuple(
            _drawn(BAR * ((start - began) / WEEK), BAR * ((end - start) / WEEK))
            for start, end in reversed(inside)
        )
        return cls(began, now, parts, _said(watched, inside, began, now))


def _drawn(x: float, width: float) -> tuple[str, str]:
    """Return a part of a bar, wide enough to be seen."""
    width = max(width, LEAST)
    return f"{min(x, BAR - width):.2f}", f"{width:.2f}"


def _said(
    watched: Watch, inside: list[tuple[datetime, datetime]], began: datetime, now: datetime
) -> str:
    """Say a bar in words."""
    if not watched.stretches:
        return "Nobody has watched this host yet."
    first = watched.stretches[-1].began
    since, named = began, "the last 7 d"
    if first > began:
        since = first
        named = f"the {span(now - first)} since {first:%F %T} UTC"
        named += ", when it was first looked at" if watched.is_whole else ", the last 500 stretches"
    seconds = sum((end - start).total_seconds() for start, end in inside)
    # What follows the last look is not missed yet: when it is, a gap ends the rows.
    whole = max(1.0, (watched.rows[0].ended - since).total_seconds())
    percent = int(1000 * min(1.0, seconds / whole)) / 10  # 100 % is said of a whole week only
    text = f"Watched {percent:g} % of {named}."
    gaps = [gap for gap in watched.gaps if gap.ended > since]
    if not gaps:
        return f"{text} No gaps."
    longest = max(gaps, key=lambda gap: gap.ended - max(gap.began, since))
    count = "1 gap" if len(gaps) == 1 else f"{len(gaps)} gaps; the longest"
    return f"{text} {count}: {longest.length}, up to {ago(longest.ended, now)}."
