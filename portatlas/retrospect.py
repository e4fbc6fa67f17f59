"""All ports at some time: which were up, and how they stood, in as few statements as for one."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from django.db.models import OuterRef, Subquery

from collector.models import Host, PortEvent
from notes import past as notes_past
from portatlas import happenings, presence
from portatlas.contexts.reservations.past import violated
from portatlas.hindsight import Judge, Stood
from portatlas.holders import Manner, undone, untold
from portatlas.intervals import Look, Transition, intervals
from portatlas.models import Port
from portatlas.past import TOLD, kept_since, stretches_at
from portatlas.querysets import PortQuerySet
from portatlas.tally import Kind, Tally

TOO_MUCH = (
    f"More than {happenings.MOST_OF_ALL:,} things happened to the ports since, or they were seen "
    f"to be alive more than {happenings.MOST_SEEN:,} times: how they stood is told of later times, "
    "or of fewer ports."
)
COLUMNS = (  # of a port, that tell what it was
    *("host", "protocol", "port", "current_state", "first_seen_at", "last_seen_at"),
    *("last_disappeared_at", "active_since", "transition_1_at", "transition_4_at"),
    *("is_client", *Manner._fields),
)


class Bygone(NamedTuple):
    """A port at a moment. `stood` is None where that is not known, or it was not seen yet."""

    port: Port
    look: Look
    stood: Stood | None
    is_client: bool
    was_seen: bool


class Counted(NamedTuple):
    """
    How many ports there were at a moment, by host: by their looks, by how they stood, and of how
    many that isn't known. Sockets of clients are in none but the tally, which counts them apart.

    The tally is None where too much happened since.
    """

    looks: dict[str, Counter[Look]]
    tally: Tally | None
    unknown: Counter[str]


class Retrospect:
    """
    What ports were at a moment, in ten queries at most, however many there are.

    `hosts` are all that there are, by name; `moment` is not later than now. Where more happened
    since than is read it is `too_much` to tell how they stood; their looks are told nevertheless.
    """

    def __init__(
        self, ports: PortQuerySet, hosts: Mapping[str, Host], moment: datetime, now: datetime
    ):
        self.ports, self.hosts, self.moment = ports, hosts, moment
        self.kept_since = kept_since(now)
        self.stretches = stretches_at(hosts.values(), moment, now)
        events = PortEvent.objects.filter(port_runtime__in=ports.order_by().values("pk"))
        self.happened = happenings.of_all(events, hosts, moment)
        self.too_much = self.happened.since.unread is not None

    def __iter__(self) -> Iterator[Bygone]:
        """Yield the ports in their order."""
        rows = self.ports.with_client().only(*COLUMNS)
        if self.too_much:
            for port in rows.annotate(**_following(self.moment)):
                port.host = self.hosts[port.host_id]
                told = [getattr(port, f"next_{name}") for name in TOLD]
                look = self._look(port, [presence.transition(*told)] if told[0] else [])
                yield Bygone(port, look, None, port.counts_as_client, was_seen=True)
            return
        notes = notes_past.judgements(self.moment)
        others = violated(self.moment)
        judge = Judge(self.moment, self.kept_since, self.happened)
        for port in rows:
            port.host = self.hosts[port.host_id]
            newer = self.happened.since.of(port.pk)
            became = [
                presence.transition(each.timestamp, each.event_type, each.cause)
                for each in newer
                if each.is_transition
            ][:1]
            look = self._look(port, became)
            stood = None
            if look != Look.UNKNOWN and not untold(
                port, self.moment, self.kept_since, self.happened
            ):
                key = (port.host_id, port.protocol, port.port)
                stood, _reason = judge.judge(
                    port,
                    was_active=not became[0].is_up if became else port.is_active,
                    held=undone(Manner(port.owner_state, port.scope), newer),
                    note=notes_past.speaking(notes, key),
                    is_violated=key in others,
                )
            is_client = stood.counts_as_client if stood else port.counts_as_client
            yield Bygone(port, look, stood, is_client, port.first_seen_at <= self.moment)

    def counted(self) -> Counted:
        """Count the ports."""
        looks: dict[str, Counter[Look]] = {host_id: Counter() for host_id in self.hosts}
        kinds: dict[str, Counter[Kind]] = {host_id: Counter() for host_id in self.hosts}
        clients: Counter[str] = Counter()
        unknown: Counter[str] = Counter()
        for port, look, stood, is_client, was_seen in self:
            if is_client:
                clients[port.host_id] += 1
                continue
            looks[port.host_id][look] += 1
            if stood:
                kinds[port.host_id][Kind(stood.severity, look == Look.UP)] += 1
            elif was_seen:
                unknown[port.host_id] += 1
        return Counted(looks, None if self.too_much else Tally(kinds, clients), unknown)

    def _look(self, port: Port, following: list[Transition]) -> Look:
        """Return what a port was, which is all that its next transition tells."""
        stretch, _ = self.stretches[port.host_id]
        since = presence.known(port, self.kept_since, self.moment)
        was_up, transitions = presence.course(port, following, self.moment, since)
        found = intervals(
            start=self.moment,
            end=self.moment,
            watched=[stretch] if stretch else [],
            transitions=transitions,
            was_up=was_up,
        )
        return found[-1].look if found else Look.UNKNOWN


def _following(moment: datetime) -> dict[str, Subquery]:
    """Return what is asked of the next transition of a port."""
    following = PortEvent.objects.transitions().filter(
        port_runtime=OuterRef("pk"), timestamp__gt=moment
    )
    first = following.order_by("timestamp", "pk")
    return {f"next_{name}": Subquery(first.values(name)[:1]) for name in TOLD}
