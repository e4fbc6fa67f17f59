"""Who held ports at some time: today's holders, with what was changed since then undone."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple, Self

from django.db.models import Max, Min, OuterRef, Q, Subquery

from collector.models import HostEvent, PortEvent
from portatlas.models import Port

MOST_EVENTS = 2_000  # of a port that are undone
MOST_OF_ALL = 20_000  # of the ports of a page together

DELETED = "What happened to the port at that time has been deleted since."
NOT_SEEN_YET = "The port had not been seen yet."
TOO_MUCH = (
    f"More than {MOST_EVENTS:,} things happened to the port since: it is not told who had it."
)
TOO_MUCH_OF_ALL = (
    f"More than {MOST_OF_ALL:,} things happened to the ports of this page since: who had this one "
    "is told if fewer are asked for."
)

Change = tuple[datetime, dict[str, list]]  # when, and what: a field to [old, new]


class Holder(NamedTuple):
    """Who held a port: text that processes chose, and the PID if it is known of that time."""

    process_name: str
    cmdline: str
    exe: str
    user: str
    unit: str
    container: str
    container_name: str
    image: str
    current_pid: int | None

    @classmethod
    def of(cls, port: Port) -> Self:
        return cls(*(getattr(port, name) for name in cls._fields))

    def before(self, changes: dict[str, list]) -> Self:
        """Return who it was before these changes, each a field to [old, new]."""
        return self._replace(**{name: changes[name][0] for name in self._fields if name in changes})


class Boots(NamedTuple):
    """When a host rebooted last by a moment, and next after it; None where it did not."""

    last: datetime | None = None
    next: datetime | None = None


class Seen(NamedTuple):
    """What the last event of a port by a moment said, `alive` among them."""

    at: datetime | None = None
    pid: int | None = None


def holders(
    ports: Sequence[Port], moment: datetime, kept_since: datetime
) -> dict[int, tuple[Holder | None, str]]:
    """
    Return who held each port, or None and why that can't be told, by primary key.

    In three queries, however many ports. Of events before `kept_since` some may be deleted.
    """
    changes, is_cut = _changes(ports, moment)
    seen = _seen(ports, moment)
    boots = _boots({port.host_id for port in ports}, moment)
    unread = max(changes, default=0) if is_cut else None  # they were read in this order
    found: dict[int, tuple[Holder | None, str]] = {}
    for port in ports:
        newer = changes.get(port.pk, [])
        if moment < port.first_seen_at:
            found[port.pk] = None, NOT_SEEN_YET
        elif moment < kept_since and port.first_seen_at < kept_since:
            found[port.pk] = None, DELETED
        elif len(newer) > MOST_EVENTS:
            found[port.pk] = None, TOO_MUCH
        elif unread is not None and port.pk >= unread:
            found[port.pk] = None, TOO_MUCH_OF_ALL
        else:
            host = boots.get(port.host_id, Boots())
            found[port.pk] = _undone(port, newer, seen.get(port.pk, Seen()), host), ""
    return found


def _changes(ports: Sequence[Port], moment: datetime) -> tuple[dict[int, list[Change]], bool]:
    """Return what happened to each port since, ascending, and whether there is more to read."""
    most = min(MOST_OF_ALL, MOST_EVENTS * len(ports))
    rows = list(
        PortEvent.objects.filter(port_runtime__in=[port.pk for port in ports], timestamp__gt=moment)
        .exclude(event_type=PortEvent.Type.ALIVE)
        .order_by("port_runtime", "timestamp", "pk")
        .values_list("port_runtime", "timestamp", "changes")[: most + 1]
    )
    by_port: dict[int, list[Change]] = defaultdict(list)
    for pk, *change in rows:
        by_port[pk].append(tuple(change))
    return dict(by_port), len(rows) > most


def _seen(ports: Iterable[Port], moment: datetime) -> dict[int, Seen]:
    last = PortEvent.objects.filter(port_runtime=OuterRef("pk"), timestamp__lte=moment)
    rows = Port.objects.filter(pk__in=[port.pk for port in ports]).order_by()
    found = rows.values_list(
        "pk", Subquery(last.values("timestamp")[:1]), Subquery(last.values("pid")[:1])
    )
    return {pk: Seen(*row) for pk, *row in found}


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


def _undone(port: Port, newer: list[Change], seen: Seen, boots: Boots) -> Holder:
    holder = Holder.of(port)
    for _, changes in reversed(newer):
        holder = holder.before(changes)
    next_at = newer[0][0] if newer else None
    return holder._replace(current_pid=_pid(holder, seen, boots, next_at))


def _pid(holder: Holder, seen: Seen, boots: Boots, next_at: datetime | None) -> int | None:
    """
    Return the PID as of a moment: what the last event by then said.

    Unless the host rebooted in between, for a port is resumed without an event. Then it is
    what the next event undoes, or today's, if no other reboot comes before that.
    """
    if seen.at and (boots.last is None or seen.at >= boots.last):
        return seen.pid
    if boots.next is None or (next_at and next_at <= boots.next):
        return holder.current_pid
    return None
