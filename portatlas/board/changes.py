"""What changed since a moment: the ports that did, by what became of them."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import chain

from django.urls import reverse

from collector.models import PortEvent
from portatlas.board.net import Kind, Net
from portatlas.models import Port
from portatlas.words import ago

EVENTS = 10_000  # that are read; before the oldest of them nothing is told
LINES = 500  # of a section
WORDS = 80  # letters of a name in a line

Type, Cause = PortEvent.Type, PortEvent.Cause

CAUSES = {
    Cause.OBSERVED: "",
    Cause.FIRST_SWEEP: "",  # its section says so
    Cause.GAP: "seen after a gap, so it may have happened earlier",
    Cause.BOOT: "at a reboot",
}


@dataclass(frozen=True)
class Line:
    """One port in a section, its words prepared: a page has thousands of them."""

    port: Port
    net: Net
    ago: str

    @property
    def name(self) -> str:
        return f"{self.port.port}/{self.port.protocol}"

    @property
    def address(self) -> str:
        return reverse("port", args=[self.port.host_id, self.port.protocol, self.port.port])

    @property
    def when(self) -> str:
        return f"{self.net.event.timestamp:%F %T}"

    @property
    def iso(self) -> str:
        return self.net.event.timestamp.isoformat()

    @property
    def why(self) -> str:
        return CAUSES[Cause(self.net.event.cause)]

    @property
    def owner(self) -> str:
        """From whom to whom it passed, "" if it did not."""
        return " → ".join(name[:WORDS] for name in self.net.owner or ())

    @property
    def reach(self) -> str:
        return " → ".join(self.net.reach or ())


@dataclass
class Section:
    """The ports of one kind: those that are shown, the newest first, and how many there are."""

    kind: Kind
    lines: list[Line] = field(default_factory=list)
    total: int = 0


@dataclass
class Changes:
    """What changed since a moment; `moment` is later than asked for if too much has happened."""

    moment: datetime
    is_cut: bool
    sections: list[Section]
    clients: int  # client sockets that came or went, and are left out

    @cached_property
    def news(self) -> list[Section]:
        return [section for section in self.sections if section.kind.is_news]

    @cached_property
    def folded(self) -> list[Section]:
        return [section for section in self.sections if not section.kind.is_news]

    def __str__(self) -> str:
        """
        Say how many ports changed, by kind. Needs news.

        >>> print(Changes(datetime.min, False, [Section(Kind.APPEARED, total=2)], 0))
        2 ports appeared
        """
        first, *rest = (f"{each.total} {each.kind.title.lower()}" for each in self.news)
        number, words = first.split(" ", 1)
        ports = "port" if number == "1" else "ports"
        return ", ".join([f"{number} {ports} {words}", *rest])


def changes_since(moment: datetime, now: datetime, host_id: str = "") -> Changes:
    """Return what became of the ports of one host, or of all, in three queries."""
    events = PortEvent.objects.filter(timestamp__gt=moment).exclude(event_type=Type.ALIVE)
    if host_id:
        events = events.filter(port_runtime__host_id=host_id)
    newest = list(events[: EVENTS + 1])
    is_cut = len(newest) > EVENTS
    if is_cut:
        # The oldest moment may be read in part only: if there is another, it is left out.
        moment = newest.pop().timestamp
        newest = [event for event in newest if event.timestamp > moment] or newest
    by_port = defaultdict(list)
    for event in reversed(newest):
        by_port[event.port_runtime_id].append(event)
    clients = set(Port.objects.filter(pk__in=by_port.keys()).clients().values_list("pk", flat=True))
    nets = {pk: Net.of(group) for pk, group in by_port.items() if pk not in clients}
    return Changes(moment, is_cut, _sections(nets, now), len(clients))


def _sections(nets: dict[int, Net], now: datetime) -> list[Section]:
    """Return a section for each kind that there is, with its ports in one query."""
    by_kind = defaultdict(list)
    for pk, net in nets.items():
        by_kind[net.kind].append((net.event.timestamp, pk))
    shown = {
        kind: [pk for _, pk in sorted(by_kind[kind], reverse=True)[:LINES]]
        for kind in Kind
        if kind in by_kind
    }
    # Rows are never deleted, so each of them is still there.
    ports = Port.objects.for_board(now).filter(pk__in=list(chain(*shown.values()))).in_bulk()
    return [
        Section(
            kind,
            [Line(ports[pk], nets[pk], ago(nets[pk].event.timestamp, now)) for pk in pks],
            len(by_kind[kind]),
        )
        for kind, pks in shown.items()
    ]
