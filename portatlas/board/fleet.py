"""The fleet: every host with its sentence, those with trouble first."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from collector.models import Host
from collector.retirement import is_retired
from portatlas.hosts import HostView, all_hosts
from portatlas.overview import Overview
from portatlas.silence import last_look
from portatlas.tally import tally


@dataclass(frozen=True, slots=True)
class FleetHost:
    """One host in the list: what listens on it, and how well that is seen."""

    view: HostView
    summary: Overview
    verdict: str
    looked_at: datetime
    is_troubled: bool
    is_retired: bool

    @classmethod
    def of(cls, host: Host, summary: Overview, now: datetime) -> Self:
        """Say how a host is. `host` has `awaited` ports, as HostView.of() wants it."""
        view = HostView.of(host, now)
        # Owners that nobody may see limit what is known of a host, but ask nobody to hurry.
        urgent = len(view.problems) - bool(host.owners_reason)
        is_gone = is_retired(host)
        return cls(
            view,
            summary,
            verdict=host.get_verdict_display(),
            looked_at=last_look(host),
            is_troubled=not is_gone
            and bool(urgent or summary.seen.unhealthy or summary.seen.missing),
            is_retired=is_gone,
        )

    @property
    def mood(self) -> tuple[str, str]:
        """The word of the host and the state whose look it borrows."""
        if self.is_retired:
            return "Retired", "gone"
        if self.summary.silent:
            return "Silent", "unknown"
        if self.is_troubled:
            return "Trouble", "suspicious"
        if self.summary.seen.unknown:
            return f"{self.summary.seen.unknown} to explain", "unnoted"
        return "Well", "healthy"

    @property
    def place(self) -> tuple:
        """Its place in the list: trouble, what nobody has explained, its name; retired last."""
        return self.is_retired, not self.is_troubled, -self.summary.seen.unknown, self.view.host_id


def fleet(now: datetime, named: str = "") -> list[FleetHost]:
    """Return the hosts whose name contains `named`, in their order, in four queries."""
    hosts = all_hosts()
    counted = tally(now, hosts)
    found = [
        FleetHost.of(host, Overview.of_host(host, counted, now), now)
        for host in hosts
        if named.casefold() in host.host_id.casefold()
    ]
    return sorted(found, key=lambda each: each.place)


def total(found: list[FleetHost], now: datetime) -> Overview:
    """Sum up what listens on some hosts, but for those that are retired."""
    return Overview.total((each.summary for each in found if not each.is_retired), now)
