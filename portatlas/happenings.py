"""What happened around a moment: to ports since then and lately before, and when hosts booted."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from django.db.models import Max, Min, Q, QuerySet

from collector.models import HostEvent, PortEvent
from portatlas import states
from portatlas.models import Port

MOST_EVENTS = 2_000  # of a port that are undone
MOST_OF_ALL = 20_000  # of all ports that are asked about together
MOST_SEEN = 1_000_000  # of these ports, with every time that one was seen to be alive
# Before this nothing decides any more how a port stood.
LATELY = max(states.SETTLED, states.STAYED, states.FLAPPING_WINDOW)
FIRST = datetime(1, 1, 1, tzinfo=UTC) + LATELY  # before it there is no such time

Type, Cause = PortEvent.Type, PortEvent.Cause


class Happening(NamedTuple):
    """Something that happened to a port. `changes` are fields to [old, new] each."""

    timestamp: datetime
    event_type: str
    cause: str
    changes: dict[str, list]

    @property
    def is_transition(self) -> bool:
        return self.event_type in {Type.APPEARED, Type.DISAPPEARED}

    @property
    def begins_anew(self) -> bool | None:
        """
        Whether a port that listens is up since then, None if that isn't told.

        It is not, if some sockets stayed: then their number is told though it is the same, as
        collector/succession.py has it. A program can change without its sockets.
        """
        if self.event_type != Type.REBOUND:
            return self.event_type == Type.APPEARED
        if self.cause == Cause.BOOT:
            return True
        before, now = self.changes.get("sockets", (None, None))
        if before != now:
            return None
        if before is not None:
            return False
        return True if "addresses" in self.changes or "program" not in self.changes else None


class Read(NamedTuple):
    """What happened to each port, ascending, as far as it was read."""

    by_port: dict[int, list[Happening]]
    unread: int | None  # of the port with this primary key, and of later ones, there is more

    def of(self, pk: int) -> list[Happening]:
        return self.by_port.get(pk, [])

    def is_whole(self, pk: int) -> bool:
        return self.unread is None or pk < self.unread


class Boots(NamedTuple):
    """When a host rebooted last by a moment, and next after it; None where it did not."""

    last: datetime | None = None
    next: datetime | None = None


class Happenings(NamedTuple):
    """What happened to ports since a moment, lately before it, and when their hosts booted."""

    since: Read
    lately: Read
    boots: dict[str, Boots]


def of_some(ports: Sequence[Port], moment: datetime) -> Happenings:
    """Return what happened to the ports of a page, in three queries that name each of them."""
    events = PortEvent.objects.filter(port_runtime__in=[port.pk for port in ports])
    order = ("port_runtime", "timestamp", "pk")
    return Happenings(
        _read(_since(events, moment), order, min(MOST_OF_ALL, MOST_EVENTS * len(ports))),
        _read(_lately(events, moment), order, MOST_OF_ALL),
        _boots({port.host_id for port in ports}, moment),
    )


def of_all(events: QuerySet, hosts: Iterable[str], moment: datetime) -> Happenings:
    """
    Return what happened to all ports that these events are of, in four queries at most.

    Where that is more than is read, none of them is whole.
    """
    order = ("timestamp", "pk")
    since = _since(events, moment)
    is_long_ago = since.order_by()[MOST_SEEN : MOST_SEEN + 1].exists()
    return Happenings(
        Read({}, 0) if is_long_ago else _read(since, order, MOST_OF_ALL),
        _read(_lately(events, moment), order, MOST_OF_ALL),
        _boots(hosts, moment),
    )


def _since(events: QuerySet, moment: datetime) -> QuerySet:
    return events.filter(timestamp__gt=moment)


def _lately(events: QuerySet, moment: datetime) -> QuerySet:
    return events.filter(timestamp__range=(max(moment, FIRST) - LATELY, moment))


def _read(events: QuerySet, order: tuple[str, ...], most: int) -> Read:
    rows = list(
        events.exclude(event_type=Type.ALIVE)
        .order_by(*order)
        .values_list("port_runtime", *Happening._fields)[: most + 1]
    )
    by_port: dict[int, list[Happening]] = defaultdict(list)
    for pk, *row in rows:
        by_port[pk].append(Happening(*row))
    if len(rows) <= most:
        return Read(dict(by_port), None)
    return Read(dict(by_port), rows[-1][0] if order[0] == "port_runtime" else 0)


def _boots(hosts: Iterable[str], moment: datetime) -> dict[str, Boots]:
    reboots = HostEvent.objects.filter(host__in=hosts, event_type=HostEvent.Type.REBOOTED)
    found = (
        reboots.order_by()
        .values_list("host")
        .annotate(
            last=Max("timestamp", filter=Q(timestamp__lte=moment)),
            next=Min("timestamp", filter=Q(timestamp__gt=moment)),
        )
    )
    return {host_id: Boots(*row) for host_id, *row in found}
