"""How each port of the churn stood over time, and when that is not exactly known. Pure."""

import json
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from itertools import combinations, pairwise
from typing import NamedTuple

Key = tuple[str, int]


class Step(NamedTuple):
    """How a port stood from some time between `before` and `after` on (Unix times)."""

    before: float
    after: float
    operation: str
    sockets: frozenset[str]  # cookies
    pid: int | None  # of the process that leads; None when nothing listens
    name: str | None
    exe: str | None


class Stretch(NamedTuple):
    """The time in which a port surely listened, or surely did not."""

    start: float
    end: float
    is_listening: bool


CLOSED = Step(float("-inf"), float("-inf"), "", frozenset(), None, None, None)


class Timeline:
    """The steps of one port, in order."""

    def __init__(self) -> None:
        self.steps = [CLOSED]

    def add(self, step: Step) -> None:
        if step[3:] != self.steps[-1][3:]:
            self.steps.append(step)

    def during(self, start: float, end: float) -> list[Step]:
        """Return every step that may have held at some moment between two times."""
        ends = [step.after for step in self.steps[1:]] + [float("inf")]
        return [
            step
            for step, until in zip(self.steps, ends, strict=True)
            if step.before <= end and until >= start
        ]

    def sightings(self, start: float, end: float) -> set[frozenset[str]]:
        """Return every set of sockets that somebody who looked meanwhile may have seen."""
        seen = [step.sockets for step in self.during(start, end)]
        sure, perhaps = frozenset.intersection(*seen), frozenset.union(*seen)
        loose = sorted(perhaps - sure)
        return {
            sure | frozenset(some)
            for count in range(len(loose) + 1)
            for some in combinations(loose, count)
        }

    def stretches(self, start: float, end: float) -> list[Stretch]:
        """Return when it surely listened and when it surely did not, between two times."""
        turns = [self.steps[0]]
        for step in self.steps[1:]:
            if bool(step.sockets) != bool(turns[-1].sockets):
                turns.append(step)
        closing = CLOSED._replace(before=end, after=end)
        return [
            Stretch(max(step.after, start), after.before, bool(step.sockets))
            for step, after in pairwise([*turns, closing])
        ]


def holds_one(moments: list[tuple[float, float]], stretch: Stretch) -> bool:
    """Tell whether one of these spans, in order, lies wholly in the stretch."""
    place = bisect_left(moments, (stretch.start, 0))
    return place < len(moments) and moments[place][1] <= stretch.end


def read(lines: Iterable[str]) -> tuple[dict[Key, Timeline], list[str]]:
    """Return the timelines in a record, and the name of every operation."""
    timelines: dict[Key, Timeline] = defaultdict(Timeline)
    operations = []
    for line in lines:
        entry = json.loads(line)
        operations.append(entry["operation"])
        for port in entry["ports"]:
            timelines[port["protocol"], port["port"]].add(
                Step(
                    entry["before"],
                    entry["after"],
                    entry["operation"],
                    frozenset(port["sockets"]),
                    port["pid"],
                    port["name"],
                    port["exe"],
                )
            )
    return dict(timelines), operations
