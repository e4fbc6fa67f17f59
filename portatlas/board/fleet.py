"""The fleet: every host with its sentence, those with trouble first."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from django.db.models import Count, IntegerField, Value

from collector.models import Host
from portatlas.board.hosts import HostView
from portatlas.board.words import Summary
from portatlas.models import Port
from portatlas.states import BY_SEVERITY

Counts = Counter  # of ports by (state, is active)


def port_counts(now: datetime, **which) -> dict[str, Counts]:
    """Count the ports of each host as state_counts() does, client sockets left out; one query."""
    ports = Port.objects.filter(**which).with_state(now).without_clients().order_by()
    rows = ports.values_list("host_id", "severity", "current_state").annotate(n=Count("pk"))
    counts: dict[str, Counts] = defaultdict(Counter)
    for host_id, severity, current_state, n in rows:
        counts[host_id][BY_SEVERITY[severity].state, current_state == "active"] += n
    return counts


@dataclass(frozen=True, slots=True)
class FleetHost:
    """One host in the list: what listens on it, and how well that is seen."""

    view: HostView
    summary: Summary
    verdict: str
    looked_at: datetime
    is_troubled: bool

    @classmethod
    def of(cls, host: Host, counts: Counts, now: datetime) -> Self:
        """Say how a host is. `host` has `awaited` ports, as HostView.of() wants it."""
        view, summary = HostView.of(host, now), Summary.of(counts)
        # Owners that nobody may see limit what is known of a host, but ask nobody to hurry.
        urgent = len(view.problems) - bool(host.owners_reason)
        return cls(
            view,
            summary,
            verdict=host.get_verdict_display(),
            looked_at=host.last_look_at,
            is_troubled=bool(urgent or summary.unhealthy or summary.missing),
        )

    @property
    def mood(self) -> tuple[str, str]:
        """The word of the host and the state whose look it borrows."""
        if self.is_troubled:
            return "Trouble", "suspicious"
        if self.summary.unknown:
            return f"{self.summary.unknown} to explain", "unnoted"
        return "Well", "healthy"

    @property
    def place(self) -> tuple:
        """Where it stands in the list: trouble, then what nobody has explained, then its name."""
        return not self.is_troubled, -self.summary.unknown, self.view.host_id


def fleet(now: datetime, named: str = "") -> tuple[list[FleetHost], Counts]:
    """
    Return the hosts whose name contains `named`, and what listens on all of them; two queries.

    News of hosts are told elsewhere, so nobody waits here for what a reboot has not brought back.
    """
    hosts = Host.objects.annotate(awaited=Value(0, IntegerField()))
    if named:
        hosts = hosts.filter(host_id__icontains=named)
    counts = port_counts(now)
    found = [FleetHost.of(host, counts.get(host.host_id, Counter()), now) for host in hosts]
    total = sum((counts.get(each.view.host_id, Counter()) for each in found), Counter())
    return sorted(found, key=lambda each: each.place), total
