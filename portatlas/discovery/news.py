"""What a feed tells: what became of ports and hosts, the newest first, storms as one entry."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Count, F, Q
from django.db.models.functions import TruncSecond

from collector.models import HostEvent, PortEvent
from collector.timekeeping import USUAL_INTERVAL
from notes.models import named
from portatlas.board import owners, timeline
from portatlas.models import Port

MOST = 100  # entries
READ = 2_000  # events of ports that are looked at for them
OF_ONE_PORT = 3  # entries, so that one that comes and goes leaves room for the others
# More events of a host than these in one while are one entry. A kernel dates each of them, and has
# looks taken every second; a while is what one look finds that is taken at the usual interval.
TOGETHER = 10
WHILE = timedelta(seconds=USUAL_INTERVAL)
WORDS = 200  # letters of what strangers chose

Type, Cause = PortEvent.Type, PortEvent.Cause
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

While = tuple[str, datetime]  # a host, and when the while began

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
    for host, began_at in {each for event in of_hosts for each in _covered(event)}:
        until = began_at + WHILE
        ports = ports.exclude(host_id=host, timestamp__gte=began_at, timestamp__lt=until)
    by_while: dict[While, list[PortEvent]] = defaultdict(list)
    for event in ports.filter(cause=Cause.OBSERVED)[:READ]:
        by_while[event.host_id, _began_at(event.timestamp)].append(event)
    storms = [each for each, events in by_while.items() if len(events) > TOGETHER]
    single = list(_few_of_each(by_while[each] for each in by_while if each not in set(storms)))
    counted = _counted({*storms, *(each for event in of_hosts for each in _summed(event))})
    entries = [
        *(_of_host(event, counted) for event in of_hosts),
        *(_of_storm(each, counted[True, *each]) for each in storms),
        *_of_events(single),
    ]
    # Looks after a clock was set back are dated alike, and may repeat themselves.
    unique = {entry.name: entry for entry in reversed(entries)}.values()
    return sorted(unique, key=lambda entry: entry.at, reverse=True)[:MOST]


def _began_at(at: datetime) -> datetime:
    """Return when the while began that a time is in."""
    return at - (at - EPOCH) % WHILE


def _covered(event: HostEvent) -> list[While]:
    """Return the whiles of which a surge tells: what one look found may have begun before it."""
    if event.event_type != HostEvent.Type.SURGE:
        return []
    last = _began_at(event.timestamp)
    return [(event.host_id, last - WHILE), (event.host_id, last)]


def _summed(event: HostEvent) -> list[While]:
    """Return the whiles of which an event of a host sums up what its ports did."""
    return _covered(event) or [(event.host_id, _began_at(event.timestamp))]


def _of_ports():
    """Return the events of ports that are news, each with its `host_id`."""
    clients = Port.objects.filter(is_client=True).clients().values("pk")
    is_of_server = Q(port_runtime__is_client=False) | ~Q(port_runtime__in=clients)
    return PortEvent.objects.filter(NEWS, is_of_server).annotate(host_id=F("port_runtime__host_id"))


def _few_of_each(whiles: Iterable[list[PortEvent]]) -> Iterator[PortEvent]:
    """Yield the newest events of each port."""
    told: Counter[int] = Counter()
    for event in (event for events in whiles for event in events):
        told[event.port_runtime_id] += 1
        if told[event.port_runtime_id] <= OF_ONE_PORT:
            yield event


def _counted(whiles: set[While]) -> dict[tuple[bool, str, datetime], Counter[str]]:
    """Count what the ports of hosts did in some whiles, apart by whether that was observed."""
    counts: dict[tuple[bool, str, datetime], Counter[str]] = defaultdict(Counter)
    if whiles:
        times = Q()
        for began_at in {began_at for _, began_at in whiles}:
            times |= Q(timestamp__gte=began_at, timestamp__lt=began_at + WHILE)
        found = _of_ports().filter(times).order_by().annotate(second=TruncSecond("timestamp"))
        kinds = found.values_list("host_id", "second", "event_type", "cause").annotate(Count("pk"))
        for host_id, second, event_type, cause, n in kinds:
            counts[cause == Cause.OBSERVED, host_id, _began_at(second)][event_type] += n
    return counts


def _of_host(event: HostEvent, counted: dict[tuple[bool, str, datetime], Counter[str]]) -> Entry:
    is_surge = event.event_type == HostEvent.Type.SURGE  # whose detail is a part of the sum
    counts = sum((counted[is_surge, *each] for each in _summed(event)), Counter())
    said = ["" if is_surge else event.detail, _sum(counts)]
    return Entry(
        event.timestamp,
        event.host_id,
        event.event_type,
        f"{event.host_id}: {event.get_event_type_display().lower()}",
        " ".join(sentence for sentence in said if sentence),
    )


def _of_storm(storm: While, counts: Counter[str]) -> Entry:
    host_id, began_at = storm
    return Entry(began_at, host_id, "storm", f"{host_id}: many ports at once", _sum(counts))


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
