"""What a feed tells: what became of ports and hosts, the newest first, storms as one entry."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, F, Q

from collector.models import HostEvent, PortEvent
from notes.models import named
from portatlas.board import owners, timeline
from portatlas.models import Port

MOST = 100  # entries
READ = 2_000  # events of ports that are looked at for them
OF_ONE_PORT = 3  # entries, so that one that comes and goes leaves room for the others
TOGETHER = 10  # more events than these at one moment of a host are one entry
WORDS = 200  # letters of what strangers chose

Type, Cause = PortEvent.Type, PortEvent.Cause

VERBS = {Type.APPEARED: "appeared", Type.DISAPPEARED: "disappeared", Type.REBOUND: "changed owner"}
NEWS = Q(event_type=Type.APPEARED) | Q(event_type=Type.DISAPPEARED)
NEWS |= Q(event_type=Type.REBOUND, changes__has_key="program")


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened, in words; `port` is None for what happened to a host."""

    at: datetime
    host_id: str
    what: str  # names the event among those of its moment
    title: str
    text: str
    port: Port | None = None

    @property
    def name(self) -> str:
        """What names the entry for good: no row's number, and nothing that anybody may edit."""
        about = f"{self.port.protocol}/{self.port.port}/" if self.port else ""
        return f"{self.host_id}/{about}{self.what}/{self.at:%Y-%m-%dT%H:%M:%S.%f}"


def news(since: datetime, host_id: str = "") -> list[Entry]:
    """
    Return the newest entries about one host, or about all, in four statements at most.

    What a reboot or a gap did to the ports of a host stands in the entry of the host, and so
    does what happened to many at once. Sockets of clients are no news.
    """
    hosts = HostEvent.objects.filter(timestamp__gt=since)
    ports = _of_ports().filter(timestamp__gt=since)
    if host_id:
        hosts, ports = hosts.filter(host=host_id), ports.filter(host_id=host_id)
    of_hosts = list(hosts[:MOST])
    surges = [event for event in of_hosts if event.event_type == HostEvent.Type.SURGE]
    for event in surges:
        ports = ports.exclude(host_id=event.host_id, timestamp=event.timestamp)
    by_moment: dict[tuple[str, datetime], list[PortEvent]] = defaultdict(list)
    for event in ports.filter(cause=Cause.OBSERVED)[:READ]:
        by_moment[event.host_id, event.timestamp].append(event)
    storms = [moment for moment, events in by_moment.items() if len(events) > TOGETHER]
    single = list(_few_of_each(by_moment[each] for each in by_moment if each not in set(storms)))
    counted = _counted({(each.host_id, each.timestamp) for each in of_hosts} | set(storms))
    entries = [
        *(_of_host(event, counted[event.host_id, event.timestamp]) for event in of_hosts),
        *(_of_storm(moment, counted[moment]) for moment in storms),
        *_of_events(single),
    ]
    # Looks after a clock was set back are dated alike, and may repeat themselves.
    unique = {entry.name: entry for entry in reversed(entries)}.values()
    return sorted(unique, key=lambda entry: entry.at, reverse=True)[:MOST]


def _of_ports():
    """Return the events of ports that are news, each with its `host_id`."""
    clients = Port.objects.filter(is_client=True).clients().values("pk")
    is_of_server = Q(port_runtime__is_client=False) | ~Q(port_runtime__in=clients)
    return PortEvent.objects.filter(NEWS, is_of_server).annotate(host_id=F("port_runtime__host_id"))


def _few_of_each(moments: Iterable[list[PortEvent]]) -> Iterator[PortEvent]:
    """Yield the newest events of each port."""
    told: Counter[int] = Counter()
    for event in (event for events in moments for event in events):
        told[event.port_runtime_id] += 1
        if told[event.port_runtime_id] <= OF_ONE_PORT:
            yield event


def _counted(moments: set[tuple[str, datetime]]) -> dict[tuple[str, datetime], Counter[str]]:
    """Count what the ports of hosts did at some moments, by what it was."""
    counts: dict[tuple[str, datetime], Counter[str]] = defaultdict(Counter)
    if moments:
        found = _of_ports().filter(timestamp__in={at for _, at in moments}).order_by()
        kinds = found.values_list("host_id", "timestamp", "event_type").annotate(Count("pk"))
        for host_id, at, event_type, n in kinds:
            counts[host_id, at][event_type] += n
    return counts


def _of_host(event: HostEvent, counts: Counter[str]) -> Entry:
    is_surge = event.event_type == HostEvent.Type.SURGE  # whose detail is a part of the sum
    said = ["" if is_surge else event.detail, _sum(counts)]
    return Entry(
        event.timestamp,
        event.host_id,
        event.event_type,
        f"{event.host_id}: {event.get_event_type_display().lower()}",
        " ".join(sentence for sentence in said if sentence),
    )


def _of_storm(moment: tuple[str, datetime], counts: Counter[str]) -> Entry:
    host_id, at = moment
    return Entry(at, host_id, "storm", f"{host_id}: many ports at once", _sum(counts))


def _sum(counts: Counter[str]) -> str:
    """
    Say what ports did, in a sentence.

    >>> _sum(Counter(appeared=2, disappeared=1))
    '2 ports appeared, 1 disappeared.'
    """
    said = [f"{counts[each]} {VERBS[each]}" for each in VERBS if counts[each]]
    if not said:
        return ""
    number, words = said[0].split(" ", 1)
    return ", ".join([f"{number} {'port' if number == '1' else 'ports'} {words}", *said[1:]]) + "."


def _of_events(events: list[PortEvent]) -> Iterator[Entry]:
    """Yield an entry for each of the newest events, with their ports in one statement."""
    newest = events[:MOST]
    keys = {event.port_runtime_id for event in newest}
    ports = Port.objects.filter(pk__in=keys).select_related("note").in_bulk()
    for event in newest:
        port, line = ports[event.port_runtime_id], timeline.Line.of_port(event)
        key = named((port.host_id, port.protocol, port.port))
        did = f"was taken over by {line.taken_by}" if event.is_takeover else VERBS[event.event_type]
        changes = (f"{each.name}: {each.old[:WORDS]} → {each.new[:WORDS]}" for each in line.changes)
        yield Entry(
            event.timestamp,
            port.host_id,
            event.event_type,
            f"{key} {did[:WORDS]}: {owners.title(port)[:WORDS]}",
            "; ".join(changes),
            port,
        )
