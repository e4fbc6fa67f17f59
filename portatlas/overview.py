"""The sentence on top: what listens where somebody looks, and how much nobody knows by now."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Self

from collector.models import Host
from portatlas.silence import silences, silent_since
from portatlas.states import PortState
from portatlas.tally import Tally
from portatlas.words import Summary, clock

NOTHING = Summary(listening=0, known=0, unknown=0, unhealthy=0, missing=0)


@dataclass(frozen=True, slots=True)
class Overview:
    """
    What some hosts are like at a time. Those that are silent are counted apart.

    `lost` ports listened on the silent hosts when they were seen last; `since` is when the first
    of these was.
    """

    seen: Summary  # of the hosts that are not silent
    hosts: int
    silent: int
    lost: int
    since: datetime | None
    now: datetime

    @classmethod
    def of(cls, hosts: Sequence[Host], ports: Tally, now: datetime) -> Self:
        """Sum up the ports of these hosts, and of no others."""
        silent = silences(hosts, now)
        counts = ports.counts()
        lost: Counter[tuple[PortState, bool]] = Counter()
        for host_id in silent:
            lost += ports.counts_of(host_id)
        return cls(
            seen=Summary.of(counts - lost if silent else counts),
            hosts=len(hosts),
            silent=len(silent),
            lost=Summary.of(lost).listening,
            since=min(silent.values(), default=None),
            now=now,
        )

    @classmethod
    def of_host(cls, host: Host, ports: Tally, now: datetime) -> Self:
        """Sum up what of some ports is on one host."""
        since = silent_since(host, now)
        last = Summary.of(ports.counts_of(host.host_id))
        return cls(
            seen=NOTHING if since else last,
            hosts=1,
            silent=1 if since else 0,
            lost=last.listening if since else 0,
            since=since,
            now=now,
        )

    @classmethod
    def total(cls, parts: Iterable[Self], now: datetime) -> Self:
        """Sum up what was summed up of some hosts each."""
        parts = list(parts)
        told = [field.name for field in fields(Summary)]
        return cls(
            seen=Summary(
                **{name: sum(getattr(part.seen, name) for part in parts) for name in told}
            ),
            hosts=sum(part.hosts for part in parts),
            silent=sum(part.silent for part in parts),
            lost=sum(part.lost for part in parts),
            since=min((part.since for part in parts if part.since), default=None),
            now=now,
        )

    @property
    def short(self) -> str:
        """Say what matters most of a host."""
        return f"silent, {_counted(self.lost)} unknown" if self.silent else self.seen.short

    @property
    def urgency(self) -> tuple[int, int, int]:
        """What sorts hosts: those of which nobody knows, then by trouble, then by the unknown."""
        return -self.silent, *self.seen.urgency

    @property
    def silence(self) -> str:
        """Say in a sentence how many hosts are silent, and what is unknown for that; "" if none."""
        if not self.since:
            return ""
        since = clock(self.since, self.now)
        if self.silent > 1:
            those = "All" if self.silent == self.hosts else f"{self.silent} of"
            theirs = _lost("their", self.lost)
            return (
                f"{those} {self.hosts} hosts are silent: {theirs} unknown, the first since {since}."
            )
        that = "It is silent, and" if self.hosts == 1 else f"1 of {self.hosts} hosts is silent:"
        return f"{that} {_lost('its', self.lost)} unknown since {since}."

    def __str__(self) -> str:
        if self.silent and self.silent == self.hosts:
            return self.silence
        return f"{self.seen} {self.silence}".rstrip()


def _counted(ports: int) -> str:
    return "1 port" if ports == 1 else f"{ports} ports"


def _lost(whose: str, ports: int) -> str:
    """
    Say of what nothing is known.

    >>> _lost("its", 0), _lost("its", 1), _lost("their", 93)
    ('what listens there is', 'its port is', 'their 93 ports are')
    """
    if not ports:
        return "what listens there is"
    return f"{whose} port is" if ports == 1 else f"{whose} {ports} ports are"
