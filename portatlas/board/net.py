"""What became of one port between two moments: the net effect of its events. No queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Self

from collector.models import PortEvent
from portatlas.board import timeline
from portatlas.models import REACH

Type, Cause = PortEvent.Type, PortEvent.Cause

# What tells one holder from another, the best name first.
HOLDER = ("container_name", "process_name", "program", "exe", "image", "unit", "user", "cmdline")


class Kind(Enum):
    """What became of a port, in the order in which the page tells it."""

    APPEARED = "Appeared", "not listening then, listening now"
    VANISHED = "Vanished", "listening then, not now"
    OWNER = "Changed owner", "another program has it now"
    REACH = "Changed reach", "it can be reached from elsewhere now"
    RESTARTED = "Restarted", "listening then and now, but not all the time or by another socket"
    BRIEF = "Came and went", "not listening then, nor now, but in between"
    FIRST_SEEN = "First seen", "with the first look at its host: when it began is not known"

    def __init__(self, title: str, meaning: str):
        self.title = title
        self.meaning = meaning

    @property
    def is_news(self) -> bool:
        """Whether it is told at once, and not folded away."""
        return self in {Kind.APPEARED, Kind.VANISHED, Kind.OWNER, Kind.REACH}


@dataclass(frozen=True, slots=True)
class Net:
    """What became of one port: its kind, the event that tells it, and what is another now."""

    kind: Kind
    event: PortEvent
    owner: tuple[str, str] | None = None
    reach: tuple[str, str] | None = None
    detail: str = ""

    @classmethod
    def of(cls, events: Sequence[PortEvent]) -> Self:
        """Sum up the events of one port: at least one, the oldest first, and none alive."""
        if events[0].cause == Cause.FIRST_SWEEP:
            if len(events) == 1:
                return cls(Kind.FIRST_SEEN, events[0])
            # What the first look at a host finds was there before: the rest is held against it.
            events = events[1:]
        was = events[0].event_type != Type.APPEARED
        is_there = events[-1].event_type != Type.DISAPPEARED
        if not is_there:
            return cls(Kind.VANISHED if was else Kind.BRIEF, events[-1])
        if not was:
            return cls(Kind.APPEARED, _last(events, Type.APPEARED))
        return cls._of_one_that_listens(events)

    @classmethod
    def _of_one_that_listens(cls, events: Sequence[PortEvent]) -> Self:
        """Sum up the events of a port that listened then and listens now."""
        changed = _changed(events)
        scopes = changed.get("scope")
        reach = (
            (REACH.get(scopes[0], scopes[0]), REACH.get(scopes[1], scopes[1])) if scopes else None
        )
        takeovers = [event for event in events if event.is_takeover]
        if takeovers and not changed.keys().isdisjoint(HOLDER):
            return cls(Kind.OWNER, takeovers[-1], owner=_holders(changed), reach=reach)
        if reach:
            told = [event for event in events if "scope" in event.changes]
            return cls(Kind.REACH, told[-1], reach=reach)
        return cls(Kind.RESTARTED, events[-1], detail=_restarts(events, changed))


def _last(events: Sequence[PortEvent], event_type: str) -> PortEvent:
    return next(event for event in reversed(events) if event.event_type == event_type)


def _changed(events: Sequence[PortEvent]) -> dict[str, tuple[str, str]]:
    """Return each field that differs in the end, as it was before and as it is now."""
    net: dict[str, tuple[str, str]] = {}
    for event in events:
        for name, (old, new) in event.changes.items():
            before = net[name][0] if name in net else str(old or "")
            net[name] = before, str(new or "")
    return {name: pair for name, pair in net.items() if pair[0] != pair[1]}


def _holders(changed: dict[str, tuple[str, str]]) -> tuple[str, str]:
    """Name who had a port and who has it, each by the best name there is."""
    pairs = [changed[name] for name in HOLDER if name in changed]
    old, new = (next((pair[end] for pair in pairs if pair[end]), "") for end in (0, 1))
    return old or "another program", new or "another program"


def _restarts(events: Sequence[PortEvent], changed: dict[str, tuple[str, str]]) -> str:
    """Say what a port went through that has the owner and the reach that it had."""
    bound = [timeline.Line.of_port(event) for event in events if event.event_type == Type.REBOUND]
    counts = (
        ("was gone", sum(event.event_type == Type.DISAPPEARED for event in events)),
        ("restarted", sum(not line.is_recount for line in bound)),
        ("sockets came or went", sum(line.is_recount for line in bound)),
    )
    said = [f"{words} {n} times" if n > 1 else f"{words} once" for words, n in counts if n]
    if "addresses" in changed:
        said.append("addresses {} → {}".format(*changed["addresses"]))
    return ", ".join(said)
