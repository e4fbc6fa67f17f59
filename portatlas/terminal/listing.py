"""What `ports` lists: the ports that somebody chose, and what is to be said above them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from django.db.models import F

from collector.models import Host
from collector.retirement import is_retired
from portatlas.board.selection import Selection
from portatlas.hosts import HostView, all_hosts, host_views
from portatlas.models import Port
from portatlas.overview import Overview
from portatlas.silence import last_look
from portatlas.states import PortState
from portatlas.tally import Tally, tally
from portatlas.words import ago

MOST_TROUBLE = 10  # hosts of which it is told what is wrong
URGENCY = ("severity", "port", "protocol", "host_id")
SORTS = {
    "urgency": URGENCY,
    "port": ("port", "protocol", "host_id"),
    "host": ("host_id", "port", "protocol"),
    "process": ("process_name", *URGENCY),
    "owner": (F("note__owner").asc(nulls_last=True), *URGENCY),
    "newest": (F("active_since").desc(nulls_last=True), *URGENCY),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody chose. Without `states`, it is all but those that are history."""

    selection: Selection
    states: tuple[PortState, ...] = ()
    with_gone: bool = False
    sort: str = "urgency"
    limit: int | None = None

    @property
    def wanted(self) -> tuple[PortState, ...]:
        if self.states:
            return self.states
        return tuple(state for state in PortState if self.with_gone or state != PortState.GONE)


@dataclass(frozen=True, slots=True)
class Listing:
    """The ports, how many there are, and how well their hosts are seen."""

    ports: list  # as they were read
    total: int  # of those that are asked for, be they within the limit or not
    clients: int  # sockets of clients that are left out
    gone: int  # ports that are history, and left out
    hosts: Sequence[Host]  # all that are asked about
    summary: Overview
    views: Sequence[HostView]

    @classmethod
    def of(cls, asked: Asked, now: datetime, read: Callable[..., list] = list) -> Self:
        """
        Read what is asked for in seven queries at most, one more while a host boots.

        `read` makes rows of a query that for_board() has begun. Raises LookupError with a
        sentence for a host that was never seen.
        """
        chosen = asked.selection
        every = all_hosts()
        retired = {host.host_id for host in every if is_retired(host)} - {chosen.host}
        here = [host for host in every if host.host_id not in retired]
        hosts = [host for host in here if chosen.host in {"", host.host_id}]
        if chosen.host and not hosts:
            known = ", ".join(host.host_id for host in here[:MOST_TROUBLE]) or "none yet"
            raise LookupError(f"No host {chosen.host[:64]!a} was ever seen. Known: {known}.")
        with_clients = bool(chosen.clients)
        everything = tally(now, every, with_clients=with_clients).without(retired)
        visible = everything.of_host(chosen.host) if chosen.host else everything
        ports = Port.objects.exclude(host__in=retired) if retired else Port.objects.all()
        ports = chosen.narrow(ports, now.date())
        found = visible
        if chosen.is_narrowed:
            found = tally(now, every, ports, with_clients=with_clients)
        return cls(
            read(_ports(ports, asked, now)),
            found.in_state(*asked.wanted).total,
            clients=0 if with_clients else found.clients,
            gone=_left(found, asked),
            hosts=hosts,
            summary=Overview.of(hosts, visible, now),
            views=host_views(hosts, now),
        )

    def sentence(self, now: datetime) -> str:
        """Say how it stands, as the board does."""
        if not self.hosts:
            return "Nothing is known of this machine yet."
        called = self.hosts[0].host_id if len(self.hosts) == 1 else f"{len(self.hosts)} hosts"
        last = max(map(last_look, self.hosts))
        return f"{called}: {self.summary} Last look {ago(last, now)}."

    @property
    def problems(self) -> list[str]:
        """Say what could not be seen, of the first hosts that have a problem."""
        troubled = [view for view in self.views if view.problems]
        told = [problem for view in troubled[:MOST_TROUBLE] for problem in view.problems]
        more = len(troubled) - MOST_TROUBLE
        return [*told, f"{more} more hosts have a problem."] if more > 0 else told

    @property
    def left_out(self) -> list[str]:
        """Say what is not listed, and how to have it listed."""
        more = self.total - len(self.ports)
        said = (
            (more, "more {} as asked; --limit {} lists them", "port is", "ports are"),
            (self.gone, "{} gone; --all lists them", "port is", "ports are"),
            (
                self.clients,
                "{} left out; --clients lists them",
                "client socket is",
                "client sockets are",
            ),
        )
        return [
            f"{n} {words.format(one if n == 1 else many, self.total)}."
            for n, words, one, many in said
            if n > 0
        ]


def _ports(ports, asked: Asked, now: datetime):
    rows = ports.for_board(now).order_by(*SORTS[asked.sort])
    if not asked.selection.clients:
        rows = rows.without_clients()
    if set(asked.wanted) != set(PortState):
        rows = rows.in_state(*asked.wanted)
    return rows[: asked.limit]


def _left(found: Tally, asked: Asked) -> int:
    return 0 if PortState.GONE in asked.wanted or asked.states else found.of_state()[PortState.GONE]
