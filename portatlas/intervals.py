"""
What a port was over time: up, down or unknown, and never a guess. Pure.

A port is what the sweeps of an unbroken stretch say it is; the short space between two of them
is no gap. Where nobody looked it is unknown, whatever it was before and after.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Look(StrEnum):
    """What is known of a port at a time."""

    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"

    @classmethod
    def of(cls, is_up: bool | None) -> "Look":
        if is_up is None:
            return cls.UNKNOWN
        return cls.UP if is_up else cls.DOWN


class Interval(NamedTuple):
    """A time in which a port was the same throughout. Where it ends the next one begins."""

    start: datetime
    end: datetime
    look: Look


class Stretch(NamedTuple):
    """A time in which a host was watched without a break, from its first look to its last."""

    start: datetime
    end: datetime


class Transition(NamedTuple):
    """A port came or went, as of the sweep that said so."""

    time: datetime
    is_up: bool
    is_observed: bool = True  # False: only the first of its sweeps after a break says so


def intervals(
    *,
    start: datetime,
    end: datetime,
    watched: Iterable[Stretch],
    transitions: Sequence[Transition],
    was_up: bool | None,
) -> list[Interval]:
    """
    Return adjacent intervals that cover a window exactly, no two neighbours of the same look.

    `transitions` are ascending. `was_up` is what the port was at the start of the window, or
    would have been, had somebody looked; None when that is not known. A port that was not seen
    yet is down, not unknown: whoever looked would have listed it. What lies outside the window
    is allowed, and cut off.

    An interval has no length where only the last look of a stretch says so: a look that stands
    alone, or one that brought news before nobody watched any more. It is all there is to show.
    """
    stretches = sorted(watched)
    changes = _dated(transitions, stretches)
    found: list[Interval] = []
    at, is_up, place = start, was_up, 0
    for stretch in stretches:
        since, until = max(stretch.start, at), min(stretch.end, end)
        if since > until:
            continue
        if at < since:
            _add(found, at, since, Look.UNKNOWN)
        at = since
        while place < len(changes) and changes[place].time <= until:
            time = max(changes[place].time, at)
            if at < time:
                _add(found, at, time, Look.of(is_up))
            at, is_up = time, changes[place].is_up
            place += 1
        _add(found, at, until, Look.of(is_up))
        at = until
    if at < end:
        _add(found, at, end, Look.UNKNOWN)
    return found


def _dated(transitions: Sequence[Transition], stretches: list[Stretch]) -> list[Transition]:
    """
    Date back what a port is missing since a break to that break.

    After a boot, and after a gap that incomplete looks follow, a port has a while to come back
    before it counts as gone (N61, N62). It has not been seen in that while.
    """
    starts = [stretch.start for stretch in stretches]
    dated = list(transitions)
    for number, each in enumerate(transitions):
        if each.is_up or each.is_observed:
            continue
        place = bisect_right(starts, each.time) - 1
        if place >= 0 and each.time <= stretches[place].end:
            dated[number] = each._replace(time=starts[place])
    return dated


def _add(found: list[Interval], start: datetime, end: datetime, look: Look) -> None:
    if found and found[-1].look == look:
        found[-1] = found[-1]._replace(end=end)
    else:
        found.append(Interval(start, end, look))
