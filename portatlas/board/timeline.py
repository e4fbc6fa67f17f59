"""What happened to a port and to its host, merged by time, the newest first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Self

from collector.models import HostEvent, PortEvent
from portatlas.models import REACH, Port

LINES = 100  # a page
HEARTBEATS = 3_000  # `alive` events that a page folds; at one an hour, those of four months
INSTANT = timedelta(microseconds=1)

# The fields that may have changed, in words, the most telling first.
FIELDS = {
    "container_name": "container",
    "image": "image",
    "process_name": "process",
    "program": "program",
    "exe": "file",
    "unit": "unit",
    "user": "user",
    "cmdline": "command",
    "scope": "reach",
    "owner_state": "owner",
    "addresses": "addresses",
    "sockets": "sockets",
    "current_pid": "pid",
}
NAMES = ("container_name", "process_name", "program")  # of a new holder, the best first


class Change(NamedTuple):
    """A field that changed, in words."""

    field: str
    old: str
    new: str

    @property
    def name(self) -> str:
        return FIELDS.get(self.field, self.field.replace("_", " "))


class Told:
    """A line of the timeline: its `time`, its `kind`, and `what`, `details`, `changes` in words."""

    __slots__ = ()

    @property
    def when(self) -> str:
        return f"{self.time:%F %T}"

    @property
    def iso(self) -> str:
        return self.time.isoformat()


@dataclass(frozen=True, slots=True)
class Line(Told):
    """One event of a port or of its host."""

    event: PortEvent | HostEvent
    is_of_host: bool = False
    changes: tuple[Change, ...] = ()

    @classmethod
    def of_port(cls, event: PortEvent) -> Self:
        pairs = (
            Change(field, *(_said(field, value) for value in pair))
            for field, pair in event.changes.items()
        )
        order = {field: place for place, field in enumerate(FIELDS)}
        changes = sorted(
            (change for change in pairs if change.old != change.new),
            key=lambda change: order.get(change.field, len(order)),
        )
        return cls(event, changes=tuple(changes))

    @property
    def time(self) -> datetime:
        return self.event.timestamp

    @property
    def kind(self) -> str:
        return self.event.event_type

    @property
    def taken_by(self) -> str:
        """The name of whoever took the port over, if somebody did."""
        pairs = (self.event.changes.get(name) for name in NAMES)
        return next((str(pair[1]) for pair in pairs if pair and pair[1]), "another program")

    @property
    def is_recount(self) -> bool:
        """Whether sockets came or went while its process stayed (N40)."""
        return "sockets" in self.event.changes and "current_pid" not in self.event.changes

    @property
    def what(self) -> str:
        """What happened, in a few words."""
        event = self.event
        if self.is_of_host:
            return f"{event.host_id} {event.get_event_type_display().lower()}"
        if event.is_takeover:
            return f"Taken over by {self.taken_by}"
        if self.is_recount:
            return "Sockets came or went"
        if event.event_type == PortEvent.Type.REBOUND:
            return "Restarted"
        return event.get_event_type_display()

    @property
    def details(self) -> list[str]:
        """What else is known of it: whose pid, and how it came to be seen."""
        event = self.event
        if self.is_of_host:
            return [event.detail] if event.detail else []
        pid = f"pid {event.pid}" if event.pid and "current_pid" not in event.changes else ""
        cause = event.get_cause_display() if event.cause != PortEvent.Cause.OBSERVED else ""
        return [each for each in (pid, cause) if each]


@dataclass(frozen=True, slots=True)
class Alive(Told):
    """How often a port was seen to be alive while nothing else happened to it or its host."""

    time: datetime  # the last time
    since: datetime
    times: int = 1

    kind = PortEvent.Type.ALIVE
    changes = ()

    @property
    def what(self) -> str:
        return "Alive" if self.times == 1 else f"Alive, {self.times} times"

    @property
    def details(self) -> list[str]:
        return [] if self.times == 1 else [f"since {self.since:%F %T}"]


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a port's history."""

    lines: list[Told]
    older: datetime | None  # what happened before then stands on the next page


def page(port: Port, before: datetime | None = None) -> Page:
    """
    Return the last lines of a port's history, or of what was before a time, in three queries.

    What happened at one moment stands on one page.
    """
    of_port = port.events.exclude(event_type=PortEvent.Type.ALIVE)
    of_host = port.host.events.filter(timestamp__gte=port.first_seen_at)
    alive = port.events.filter(event_type=PortEvent.Type.ALIVE)
    if before:
        of_port, of_host, alive = (
            each.filter(timestamp__lt=before) for each in (of_port, of_host, alive)
        )
    times = alive.values_list("timestamp", flat=True)
    # Of one moment, what the port did stands above what its host did: that came first.
    found, reached = _merged(
        ([Line.of_port(event) for event in of_port[: LINES + 1]], LINES),
        ([Line(event, is_of_host=True) for event in of_host[: LINES + 1]], LINES),
        ([Alive(time, time) for time in times[: HEARTBEATS + 1]], HEARTBEATS),
    )
    lines = list(_folded(found))
    if len(lines) > LINES:
        reached = lines[LINES].time
        lines = [line for line in lines[:LINES] if line.time > reached]
    return Page(lines, older=reached + INSTANT if reached else None)


def _merged(
    *sources: tuple[Sequence[Told], int],
) -> tuple[list[Told], datetime | None]:
    """Return the lines of all, as far back as each was read, and the time of the next of them."""
    ends = [lines[most].time for lines, most in sources if len(lines) > most]
    reached = max(ends, default=None)
    every = (line for lines, _ in sources for line in lines if not reached or line.time > reached)
    return sorted(every, key=lambda line: line.time, reverse=True), reached


def _folded(lines: Iterable[Told]):
    """Yield the lines, those of being alive in a row as one."""
    run: Alive | None = None
    for line in lines:
        if isinstance(line, Alive):
            run = Alive(run.time, line.since, run.times + 1) if run else line
            continue
        if run:
            yield run
            run = None
        yield line
    if run:
        yield run


def _said(field: str, value: object) -> str:
    """Say the value of a field."""
    if isinstance(value, list):
        return ", ".join(str(each) for each in value)
    text = "" if value is None else str(value)
    if field == "owner_state":
        return text.replace("_", " ")
    return REACH.get(text, text) if field == "scope" else text
