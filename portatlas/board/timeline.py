"""What happened to a port and to its host, merged by time, the newest first."""

from dataclasses import dataclass
from typing import NamedTuple, Self

from collector.models import HostEvent, PortEvent
from portatlas.models import Port

LINES = 200  # at most

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


@dataclass(frozen=True, slots=True)
class Line:
    """One event of a port or of its host."""

    event: PortEvent | HostEvent
    is_of_host: bool = False
    changes: tuple[Change, ...] = ()

    @classmethod
    def of_port(cls, event: PortEvent) -> Self:
        pairs = (
            Change(field, *(str(value or "") for value in pair))
            for field, pair in event.changes.items()
        )
        order = {field: place for place, field in enumerate(FIELDS)}
        changes = sorted(
            (change for change in pairs if change.old != change.new),
            key=lambda change: order.get(change.field, len(order)),
        )
        return cls(event, changes=tuple(changes))

    @property
    def taken_by(self) -> str:
        """The name of whoever took the port over, if somebody did."""
        pairs = (self.event.changes.get(name) for name in NAMES)
        return next((str(pair[1]) for pair in pairs if pair and pair[1]), "another program")

    @property
    def is_recount(self) -> bool:
        """Whether sockets came or went while its process stayed (N40)."""
        return "sockets" in self.event.changes and "current_pid" not in self.event.changes


def lines(port: Port) -> list[Line]:
    """Return the last lines of a port's history, in two queries."""
    of_port = [Line.of_port(event) for event in port.events.all()[:LINES]]
    of_host = [
        Line(event, is_of_host=True)
        for event in port.host.events.filter(timestamp__gte=port.first_seen_at)[:LINES]
    ]
    # Of one moment, what the port did stands above what its host did: that came first.
    merged = sorted(of_port + of_host, key=lambda line: line.event.timestamp, reverse=True)
    return merged[:LINES]
