"""
What a collector recorded, held against what was really done. Pure.

A port's recorded state is which sockets it has and which program owns them. Every sweep may
move it: a port appears, disappears, or is rebound to other sockets or to another program; all
else is quiet. The states that the record of the churn allows are followed from sweep to sweep:
an event that none of the moves explains is invented, a move without its event is lost.
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from tests.benchmarks.timeline import Key, Timeline, holds_one

NOTICED_WITHIN = 300  # seconds in which a new owner of the same socket has to be noticed


class Sweep(NamedTuple):
    """A complete sweep, from its start to its end."""

    start: float
    end: float
    ownerless: frozenset[Key] = frozenset()  # active ports that it gave no known owner


class Event(NamedTuple):
    key: Key
    kind: str
    at: float
    changes: dict


class Row(NamedTuple):
    """What is recorded of a port in the end."""

    is_active: bool
    sockets: frozenset[str]
    pid: int | None
    name: str
    exe: str


class State(NamedTuple):
    """What a collector knows of a port. Of a new socket it may not know the program yet."""

    sockets: frozenset[str]
    program: str | None = None


class Finding(NamedTuple):
    """One thing that is wrong, and its kind: lost, invented, wrong owner, ownerless."""

    kind: str
    key: Key
    at: float
    text: str


class Judge:
    """
    Judges ports by the sweeps that were taken, at least one, in order.

    `patience` is how long, in seconds, a port may stand unseen: an interval, a look and the
    longest restart of a killed process.
    """

    def __init__(self, sweeps: list[Sweep], *, patience: float) -> None:
        self.sweeps = sweeps
        self.patience = patience
        self.lag = NOTICED_WITHIN + patience

    def findings(
        self, timelines: dict[Key, Timeline], events: list[Event], rows: dict[Key, Row]
    ) -> list[Finding]:
        """Return all that is wrong with the ports of the churn, in order of time."""
        told = defaultdict(list)
        for event in events:
            told[event.key].append(event)
        found: list[Finding] = []
        for key, timeline in timelines.items():
            found += self.of_events(key, timeline, told[key])
            found += self.of_stretches(key, timeline)
            found += self.of_owners(key, timeline)
            found += self.of_the_end(key, timeline, rows.get(key))
        return sorted(found, key=lambda each: each.at)

    def of_events(self, key: Key, timeline: Timeline, events: list[Event]) -> Iterator[Finding]:
        by_time = defaultdict(list)
        for event in events:
            by_time[event.at].append(event)
        states = {State(frozenset())}
        for sweep in self.sweeps:
            told = by_time.pop(sweep.start, [])
            possible = self.moves(states, timeline, sweep)
            fitting = {to for came, to in possible if fits(came, to, told)}
            if not fitting:
                yield from complaints(key, sweep, possible, told)
                # What it knows now, whatever it said: one fault is told once.
                fitting = {to for _, to in self.moves({State(frozenset())}, timeline, sweep)}
            states = fitting
        for at, rest in by_time.items():
            yield Finding("invented", key, at, f"{words(rest)} at a time of no sweep")

    def moves(
        self, states: set[State], timeline: Timeline, sweep: Sweep
    ) -> set[tuple[State, State]]:
        """Return every move (from, to) that the sweep may have found."""
        fresh = {step.exe for step in timeline.during(*sweep[:2]) if step.exe} | {None}
        lately = timeline.during(sweep.start - self.lag, sweep.end)
        moves = set()
        for came in states:
            for sockets in timeline.sightings(*sweep[:2]):
                known = {step.exe for step in lately if step.sockets & came.sockets & sockets}
                if not sockets:
                    programs = {None}
                elif not came.sockets & sockets:
                    programs = fresh
                elif came.program is None:
                    programs = known | {None}
                else:
                    programs = known
                moves |= {(came, State(sockets, program)) for program in programs}
        return moves

    def of_stretches(self, key: Key, timeline: Timeline) -> Iterator[Finding]:
        """What lasted longer than anybody may look away must have been swept."""
        moments = [sweep[:2] for sweep in self.sweeps]
        for stretch in timeline.stretches(moments[0][0], moments[-1][1]):
            lasted = stretch.end - stretch.start
            if lasted > self.patience and not holds_one(moments, stretch):
                what = "open" if stretch.is_listening else "closed"
                yield Finding("lost", key, stretch.start, f"{what} for {lasted:.1f} s, unswept")

    def of_owners(self, key: Key, timeline: Timeline) -> Iterator[Finding]:
        """A socket that a process holds may be without owner for one sweep (N32)."""
        for first, second in pairwise(self.sweeps):
            if key in first.ownerless and key in second.ownerless:
                steps = timeline.during(first.start, second.end)
                if frozenset.intersection(*(step.sockets for step in steps)):
                    yield Finding("ownerless", key, second.start, "owner unknown for two sweeps")

    def of_the_end(self, key: Key, timeline: Timeline, row: Row | None) -> Iterator[Finding]:
        last, end = timeline.steps[-1], self.sweeps[-1].end
        is_active = bool(row and row.is_active)
        if last.sockets and not is_active:
            yield Finding("lost", key, end, f"open at the end since {last.before:.3f}")
        elif is_active and not last.sockets:
            yield Finding("invented", key, end, f"closed at the end since {last.before:.3f}")
        elif is_active and row.sockets != last.sockets:
            differ = f"{sorted(row.sockets)}, not {sorted(last.sockets)}"
            yield Finding("lost", key, end, f"at the end it has the sockets {differ}")
        elif is_active:
            right = {step[4:] for step in timeline.during(end - self.lag, end)}
            if row[2:] not in right:
                is_not = f"{row[2:]}, not {last[4:]} since {end - last.before:.0f} s"
                yield Finding("wrong owner", key, end, f"{is_not} ({last.operation})")


def due(came: State, to: State) -> str | None:
    """Return the kind of event that a move has to have."""
    if came.sockets and to.sockets:
        return "rebound" if came.sockets != to.sockets or has_other_program(came, to) else None
    if came.sockets:
        return "disappeared"
    return "appeared" if to.sockets else None


def has_other_program(came: State, to: State) -> bool:
    return None not in {came.program, to.program} and came.program != to.program


def fits(came: State, to: State, told: list[Event]) -> bool:
    """Tell whether the events of one sweep, none or one, are those of a move."""
    kind = due(came, to)
    if [each.kind for each in told] != ([kind] if kind else []):
        return False
    return kind != "rebound" or says_rightly(came, to, told[0].changes)


def says_rightly(came: State, to: State, changes: dict) -> bool:
    """Tell whether a rebound says which program it is now, and how many sockets (N40)."""
    count = [len(came.sockets), len(to.sockets)]
    # A restart replaces all of them; where some stayed, it says that others came and went.
    is_recount = came.sockets != to.sockets and bool(came.sockets & to.sockets)
    if changes.get("sockets") != (count if is_recount or count[0] != count[1] else None):
        return False
    if None in {came.program, to.program}:
        return True
    program = [came.program, to.program] if has_other_program(came, to) else None
    return changes.get("exe") == program and ("program" in changes) == bool(program)


def complaints(
    key: Key, sweep: Sweep, possible: set[tuple[State, State]], told: list[Event]
) -> Iterator[Finding]:
    kinds = {due(*move) for move in possible}
    said = [each.kind for each in told]
    if len(said) == 1 and said[0] in kinds:
        moves = sorted({move_in_words(*move) for move in possible if due(*move) == said[0]})
        text = f"{words(told)}, but it went {' or '.join(moves)}"
        yield Finding("wrong owner", key, sweep.start, text)
        return
    wanted = " or ".join(sorted(str(kind) for kind in kinds))
    if told:
        yield Finding("invented", key, sweep.start, f"{words(told)}, where {wanted} was due")
    if None not in kinds:
        yield Finding("lost", key, sweep.start, f"{wanted} was due, not {words(told)}")


def move_in_words(came: State, to: State) -> str:
    before, after = (f"{sorted(each.sockets)} of {each.program}" for each in (came, to))
    return f"from {before} to {after}"


def words(told: list[Event]) -> str:
    return ", ".join(f"{each.kind} {each.changes or ''}".strip() for each in told) or "nothing"
