"""
The board's numbers and its order, read fast from the index `Standing`.

A rank follows from fact and note alone, so the index counts and sorts by it. What the clock says
besides concerns few rows, and an index finds them: those that flap, those that are up for less
than an hour, and those of hosts that nobody looked at lately. They are counted a second time, by
the whole rule, and moved from the kind of their rank to the kind that they are.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Self

from django.db.models import Count, Q

from collector.models import Host
from portatlas import states
from portatlas.models import Port, Standing
from portatlas.querysets import BOOT, PortQuerySet
from portatlas.states import BY_SEVERITY, PortState

LATELY = timedelta(minutes=10)  # before the newest sweep of all hosts
ORDER = ("standing__rank", "standing__port", "standing__protocol", "standing__host_id")


class Kind(NamedTuple):
    """What is counted alike on one host."""

    severity: int
    is_active: bool


@dataclass(frozen=True, slots=True)
class Tally:
    """How many ports there are of each kind on each host, and how many clients' sockets."""

    by_host: dict[str, Counter[Kind]]
    clients_by_host: Counter[str]  # hidden, or counted in `by_host` as well if asked for

    def of_host(self, host_id: str) -> Self:
        """Return what of it is of one host."""
        clients = Counter({host_id: self.clients_by_host[host_id]})
        return type(self)({host_id: self.by_host.get(host_id, Counter())}, clients)

    def in_state(self, *chosen: str) -> Self:
        """Return what of it is in one of these states."""
        severities = set(states.severities(*chosen))
        by_host = {
            host_id: Counter({kind: n for kind, n in kinds.items() if kind.severity in severities})
            for host_id, kinds in self.by_host.items()
        }
        return type(self)(by_host, self.clients_by_host)

    def counts(self) -> Counter[tuple[PortState, bool]]:
        """Count the ports of each (state, is active), as words.Summary.of() takes it."""
        counts: Counter = Counter()
        for kind, n in self._kinds().items():
            counts[BY_SEVERITY[kind.severity].state, kind.is_active] += n
        return counts

    def of_state(self) -> Counter[PortState]:
        counts: Counter = Counter()
        for kind, n in self._kinds().items():
            counts[BY_SEVERITY[kind.severity].state] += n
        return counts

    @property
    def total(self) -> int:
        return self._kinds().total()

    @property
    def clients(self) -> int:
        return self.clients_by_host.total()

    @property
    def urgent(self) -> int:
        """How many stand above those that flap."""
        return sum(n for kind, n in self._kinds().items() if kind.severity in states.URGENT)

    @property
    def flapping(self) -> int:
        return sum(n for kind, n in self._kinds().items() if kind.severity == states.FLAPPING)

    def _kinds(self) -> Counter[Kind]:
        kinds: Counter[Kind] = Counter()
        for each in self.by_host.values():
            kinds.update(each)
        return kinds


def tally(
    at: datetime,
    hosts: Sequence[Host],
    ports: PortQuerySet | None = None,
    *,
    with_clients: bool = False,
) -> Tally:
    """
    Count all ports of all `hosts` in two queries, or some of them, unsliced, in one.

    `hosts` are all that there are: their last sweeps tell for which ports the clock may matter.
    """
    if ports is None:
        found = _of_rank()
        for kind, n in _of_rule(_undecided(at, hosts), at).items():
            found[_by_rank_alone(kind.host_id, kind.rank)] -= n
            found[kind] += n
    else:
        found = _of_rule(ports, at)
    by_host: dict[str, Counter[Kind]] = defaultdict(Counter)
    clients: Counter[str] = Counter()
    for row, n in found.items():
        if row.is_client:
            clients[row.host_id] += n
        if n and (with_clients or not row.is_client):
            is_active = row.rank not in states.NOT_LISTENING
            by_host[row.host_id][Kind(row.severity, is_active)] += n
    return Tally(dict(by_host), clients)


class _Row(NamedTuple):
    """What the database counts by."""

    host_id: str
    rank: int
    severity: int
    is_client: bool


def _by_rank_alone(host_id: str, rank: int) -> _Row:
    """Return what a port is that the clock does not concern."""
    return _Row(host_id, rank, rank, rank == states.GONE_CLIENT)


def _of_rank() -> Counter[_Row]:
    """Count all ports by the index, as if the clock concerned none."""
    seen = Standing.objects.filter(rank__lt=states.NEVER_SEEN).order_by()
    rows = seen.values_list("host_id", "rank").annotate(Count("pk"))
    return Counter({_by_rank_alone(host_id, rank): n for host_id, rank, n in rows})


def _of_rule(ports: PortQuerySet, at: datetime) -> Counter[_Row]:
    """Count ports by the whole rule, one by one."""
    kinds = ports.order_by().with_state(at).with_client()
    rows = kinds.values_list("host_id", "standing__rank", "severity", "counts_as_client")
    return Counter({_Row(*kind): n for *kind, n in rows.annotate(Count("pk"))})


def _undecided(at: datetime, hosts: Iterable[Host]) -> PortQuerySet:
    """Return the ports, and some more, for which the clock decides otherwise than their rank."""
    swept = [host.last_sweep_at for host in hosts if host.last_sweep_at]
    lately = max(swept, default=at) - LATELY
    odd = [
        host.host_id
        for host in hosts
        if host.unsettled == BOOT or not host.last_sweep_at or host.last_sweep_at < lately
    ]
    young = Q(active_since__gt=lately - states.SETTLED)
    return Port.objects.filter(states.restless(at) | young | Q(host__in=odd))


def page(  # noqa: PLR0913  # what is shown, and where in it
    at: datetime,
    ports: PortQuerySet,
    numbers: Tally,
    *,
    offset: int,
    limit: int,
    with_clients: bool = False,
) -> list[Port]:
    """
    Return one page of the board in its order, in two queries at most.

    `ports` are the filtered ports, and `numbers` the tally of just these. The urgent ones come
    first, then those that flap, then the others by rank. Among trusted ones it makes no
    difference whether they have settled, so that none jumps when it does.
    """
    urgent, flapping = numbers.urgent, numbers.flapping
    board = ports.for_board(at).filter(standing__rank__lt=states.NEVER_SEEN)
    if not with_clients:
        board = board.without_clients()
    first = min(max(offset - urgent, 0), flapping)
    last = min(max(offset + limit - urgent, 0), flapping)
    flap = list(board.filter(states.flapping(at)).order_by(*ORDER[1:])[first:last])
    start = offset - first
    rest = board.exclude(states.flapping(at)).order_by(*ORDER)
    others = list(rest[start : start + limit - (last - first)])
    above = max(urgent - start, 0)
    return others[:above] + flap + others[above:]
