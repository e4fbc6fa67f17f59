"""
The board's numbers and its order, read fast from the index `Standing`.

A rank follows from fact and note alone, so the index counts and sorts by it. What the clock says
besides concerns few rows, and an index finds them: those that flap, those that are up for less
than an hour, and those of hosts that nobody looked at lately. They are counted a second time and
moved from the kind of their rank to the kind that they are.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import NamedTuple, Self

from django.db import connection
from django.db.models import Case, Count, Q, Value, When

from collector.models import Host
from portatlas import states
from portatlas.models import Port, Standing
from portatlas.prepared import Prepared
from portatlas.querysets import BOOT, PortQuerySet
from portatlas.states import BY_SEVERITY, PortState

LATELY = timedelta(minutes=10)  # before the newest sweep of all hosts
NEVER = datetime(1, 1, 2, tzinfo=UTC)
TABLE = Standing._meta.db_table
URGENT = ", ".join(map(str, states.URGENT))
ORDER = ("standing__rank", "standing__port", "standing__protocol", "standing__host_id")


class Kind(NamedTuple):
    """What is counted alike on one host."""

    severity: int
    is_active: bool


OF_RANK = {
    rule.severity: Kind(rule.severity, rule.severity not in states.NOT_LISTENING)
    for rule in states.RULES
}
UNSETTLED = OF_RANK[states.UNSETTLED_TRUSTED]


@dataclass(frozen=True)
class Tally:
    """How many ports there are of each kind on each host, and how many clients' sockets."""

    by_host: dict[str, dict[Kind, int]]
    clients_by_host: dict[str, int]  # hidden, or counted in `by_host` as well if asked for

    def of_host(self, host_id: str) -> Self:
        """Return what of it is of one host."""
        kinds, clients = self.by_host.get(host_id, {}), self.clients_by_host.get(host_id, 0)
        return type(self)({host_id: kinds}, {host_id: clients})

    def without(self, hosts: AbstractSet[str]) -> Self:
        """Return what of it is of other hosts."""
        if not hosts:
            return self
        return type(self)(
            {host: kinds for host, kinds in self.by_host.items() if host not in hosts},
            {host: n for host, n in self.clients_by_host.items() if host not in hosts},
        )

    def counts_of(self, host_id: str) -> Counter[tuple[PortState, bool]]:
        """Count the ports of one host as counts() does."""
        return _counts(self.by_host.get(host_id, {}))

    def in_state(self, *chosen: str) -> Self:
        """Return what of it is in one of these states."""
        severities = set(states.severities(*chosen))
        by_host = {
            host_id: {kind: n for kind, n in kinds.items() if kind.severity in severities}
            for host_id, kinds in self.by_host.items()
        }
        return type(self)(by_host, self.clients_by_host)

    def counts(self) -> Counter[tuple[PortState, bool]]:
        """Count the ports of each (state, is active), as words.Summary.of() takes it."""
        return _counts(self.kinds)

    def of_state(self) -> Counter[PortState]:
        counts: Counter = Counter()
        for kind, n in self.kinds.items():
            counts[BY_SEVERITY[kind.severity].state] += n
        return counts

    @property
    def total(self) -> int:
        return self.kinds.total()

    @property
    def clients(self) -> int:
        return sum(self.clients_by_host.values())

    @property
    def urgent(self) -> int:
        """How many stand above those that flap."""
        return sum(n for kind, n in self.kinds.items() if kind.severity in states.URGENT)

    @property
    def flapping(self) -> int:
        return sum(n for kind, n in self.kinds.items() if kind.severity == states.FLAPPING)

    @cached_property
    def kinds(self) -> Counter[Kind]:
        kinds: Counter[Kind] = Counter()
        for each in self.by_host.values():
            for kind, n in each.items():
                kinds[kind] += n
        return kinds


def _counts(kinds: Mapping[Kind, int]) -> Counter[tuple[PortState, bool]]:
    counts: Counter = Counter()
    for kind, n in kinds.items():
        counts[BY_SEVERITY[kind.severity].state, kind.is_active] += n
    return counts


def tally(
    at: datetime,
    hosts: Sequence[Host],
    ports: PortQuerySet | None = None,
    *,
    with_clients: bool = False,
) -> Tally:
    """
    Count all ports of all `hosts` in three queries, or some of them, unsliced, in one.

    `hosts` are all that there are: their last sweeps tell for which ports the clock may matter.
    """
    by_host: dict[str, dict[Kind, int]] = defaultdict(dict)
    clients: dict[str, int] = {}

    def add(host_id: str, kind: Kind, n: int, is_client: int) -> None:
        if is_client:
            clients[host_id] = clients.get(host_id, 0) + n
        if with_clients or not is_client:
            kinds = by_host[host_id]
            kinds[kind] = kinds.get(kind, 0) + n

    if ports is None:
        for host_id, rank, n in _of_rank():
            add(host_id, OF_RANK[rank], n, rank == states.GONE_CLIENT)
        for host_id, rank, n in _of_young(hosts):
            kind = UNSETTLED if rank == states.TRUSTED else OF_RANK[rank]
            add(host_id, OF_RANK[rank], -n, 0)
            add(host_id, kind, n, rank != states.TRUSTED)
        flapping = Port.objects.filter(states.flapping(at))
        for host_id, rank, calm, is_client, n in _of_rule(flapping, states.calm_severity()):
            is_active = OF_RANK[rank].is_active
            add(host_id, Kind(calm, is_active), -n, is_client)
            add(host_id, Kind(states.FLAPPING, is_active), n, is_client)
    else:
        for host_id, rank, severity, is_client, n in _of_rule(ports, states.severity(at)):
            add(host_id, Kind(severity, OF_RANK[rank].is_active), n, is_client)
    return Tally(dict(by_host), clients)


def _of_rank() -> Iterable[tuple[str, int, int]]:
    """Count all ports by (host, rank), in the index alone."""
    # A row for each host and rank, as it comes: what Django does with each takes much longer.
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT host_id, rank, COUNT(*) FROM {TABLE} "  # noqa: S608  # a name of our own
            "WHERE rank < %s GROUP BY host_id, rank",
            [states.NEVER_SEEN],
        )
        return cursor.fetchall()


def _of_young(hosts: Sequence[Host]) -> Iterable[tuple[str, int, int]]:
    """Count by (host, rank) the trusted that have not settled, and the clients that are up."""
    swept = [host.last_sweep_at for host in hosts if host.last_sweep_at]
    lately = max(swept, default=NEVER) - LATELY
    odd = [
        host.host_id
        for host in hosts
        if host.unsettled == BOOT or not host.last_sweep_at or host.last_sweep_at < lately
    ]
    ranks = (*states.ACTIVE_CLIENTS, states.TRUSTED)
    may_be = Q(since__gt=lately - max(states.SETTLED, states.STAYED)) | Q(host_id__in=odd)
    stayed = Q(states.lasted("host__last_sweep_at", states.STAYED, "since"))
    young = (Q(rank=states.TRUSTED) & ~states.settled("since")) | (
        Q(rank__in=states.ACTIVE_CLIENTS) & ~stayed
    )
    found = Standing.objects.filter(may_be, young, rank__in=ranks).order_by()
    return found.values_list("host_id", "rank").annotate(n=Count("*"))


def _of_rule(ports: PortQuerySet, severity: Case) -> Iterable[tuple[str, int, int, int, int]]:
    """Count by (host, rank, severity, is a client), one by one."""
    client = Case(When(states.client(), then=1), default=0)  # a boolean takes longer to read
    kinds = ports.order_by().annotate(severity=severity, client=client)
    rows = kinds.values_list("host_id", "standing__rank", "severity", "client")
    return rows.annotate(n=Count("*"))


class Numbers(NamedTuple):
    """What a page needs of a tally."""

    urgent: int
    flapping: int
    total: int


def numbers(at: datetime) -> Numbers:
    """Count all ports, the sockets of clients too, in one query of the index."""
    flapping, values = _FLAPPING.at(at)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT (SELECT COUNT(*) FROM {TABLE} WHERE rank IN ({URGENT})), "  # noqa: S608  # names of our own
            f"(SELECT COUNT(*) FROM ({flapping}) f), "
            f"(SELECT COUNT(*) FROM {Port._meta.db_table})",
            values,
        )
        return Numbers._make(cursor.fetchone())


def flapping(at: datetime, ports: PortQuerySet) -> PortQuerySet:
    """Return those of some ports that flap, in the order of the board, with their severity."""
    # Of which kind they are is known, so the query does not have to tell the kinds apart.
    found = ports.filter(states.flapping(at), standing__rank__lt=states.NEVER_SEEN)
    return found.annotate(severity=Value(states.FLAPPING)).order_by(*ORDER[1:])


def calm(at: datetime, ports: PortQuerySet) -> PortQuerySet:
    """Return those of some ports that do not flap, in the order of the board."""
    found = ports.filter(standing__rank__lt=states.NEVER_SEEN).exclude(states.flapping(at))
    return found.annotate(severity=states.calm_severity()).order_by(*ORDER)


class Cut(NamedTuple):
    """
    Where one page of the board is found: among those that flap, and among the others.

    The urgent ones come first, then those that flap, then the others by rank: `above` of the
    others on this page stand before those that flap.
    """

    flapping: slice
    calm: slice
    above: int

    @classmethod
    def of(cls, numbers: "Numbers | Tally", offset: int, limit: int) -> Self:
        urgent, flapping = numbers.urgent, numbers.flapping
        first = min(max(offset - urgent, 0), flapping)
        last = min(max(offset + limit - urgent, 0), flapping)
        start = offset - first
        end = min(start + limit - (last - first), numbers.total - flapping)
        return cls(slice(first, last), slice(start, max(start, end)), max(urgent - start, 0))

    def merged(self, flapping: list, calm: list) -> list:
        """Return what was read of both in the order of the page."""
        return calm[: self.above] + flapping + calm[self.above :]


def page(  # noqa: PLR0913  # what is shown, and where in it
    at: datetime,
    ports: PortQuerySet,
    numbers: Tally,
    *,
    offset: int,
    limit: int,
    with_clients: bool = False,
    hosts: Iterable[Host] = (),
) -> list[Port]:
    """
    Return one page of the board in its order, in two queries at most.

    `ports` are the filtered ports, and `numbers` the tally of just these; each has its severity
    and its note. Among trusted ones it makes no difference whether they have settled, so that
    none jumps when it does. Of `hosts` that are at hand none is read again.
    """
    known = {host.host_id: host for host in hosts}
    joined = ("note",) if known else ("note", "host")
    board = ports.select_related(*joined)
    if not with_clients:
        board = board.without_clients()
    cut = Cut.of(numbers, offset, limit)
    rows = cut.merged(list(flapping(at, board)[cut.flapping]), list(calm(at, board)[cut.calm]))
    for port in rows:
        if port.host_id in known:
            port.host = known[port.host_id]
    return rows


_FLAPPING = Prepared(lambda at: Port.objects.filter(states.flapping(at)).values("pk"))
