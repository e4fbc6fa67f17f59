"""The board in words: the sentence on top, and how a time is said."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from portatlas.silence import silent_since
from portatlas.states import PortState

UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def span(time: timedelta) -> str:
    """
    Say a span in its largest unit.

    >>> span(timedelta(hours=49)), span(timedelta(seconds=4))
    ('2 d', '4 s')
    """
    seconds = max(0, int(time.total_seconds()))
    size, unit = next((each for each in UNITS if seconds >= each[0]), UNITS[-1])
    return f"{seconds // size} {unit}"


def ago(then: datetime, now: datetime) -> str:
    return f"{span(now - then)} ago"


def clock(then: datetime, now: datetime) -> str:
    """
    Say a time in UTC, with its day if that is not today.

    >>> clock(datetime(2026, 1, 1, 12, 3), datetime(2026, 1, 1, 18))
    '12:03 UTC'
    >>> clock(datetime(2026, 1, 1, 12, 3), datetime(2026, 1, 2))
    '2026-01-01 12:03 UTC'
    """
    return f"{then:%H:%M} UTC" if then.date() == now.date() else f"{then:%F %H:%M} UTC"


def lasting(port: Any, now: datetime) -> str:
    """Say since when a portatlas.models.Port is up, gone, or nobody knows."""
    if since := silent_since(port.host, now):
        return f"unknown since {clock(since, now)}"
    if port.is_awaited:
        return "not back since the reboot"
    if port.is_active:
        return f"up {span(port.uptime)}"
    return f"gone for {span(now - port.last_disappeared_at)}"


@dataclass(frozen=True, slots=True)
class Summary:
    """How many ports listen, and how well they are known."""

    listening: int
    known: int
    unknown: int
    unhealthy: int
    missing: int

    @classmethod
    def of(cls, counts: Counter[tuple[PortState, bool]]) -> Self:
        """Sum up what Tally.counts() counted: (state, is active) to ports."""
        active = Counter({state: n for (state, is_active), n in counts.items() if is_active})
        return cls(
            listening=active.total(),
            known=active[PortState.KNOWN] + active[PortState.HEALTHY],
            unknown=active[PortState.UNNOTED],
            unhealthy=active[PortState.SUSPICIOUS] + active[PortState.FLAPPING],
            missing=counts[PortState.GHOST, False],
        )

    @property
    def short(self) -> str:
        """Say what matters most of it: what is wrong, else what nobody knows."""
        wrong = self.unhealthy + self.missing
        parts = [f"{self.listening} listening"]
        parts += [f"{wrong} unhealthy"] if wrong else []
        parts += [f"{self.unknown} unknown"] if self.unknown else []
        return ", ".join(parts)

    @property
    def urgency(self) -> tuple[int, int]:
        """What sorts hosts: those with the most trouble first, then those with the most unknown."""
        return -self.unhealthy - self.missing, -self.unknown

    def __str__(self) -> str:
        """
        Say it in one sentence.

        >>> print(Summary(listening=14, known=11, unknown=2, unhealthy=1, missing=1))
        14 ports listening: 11 you know, 2 you don't, 1 is unhealthy. 1 expected port is missing.
        """
        if not self.listening:
            parts = "No port is listening."
        else:
            listening = "1 port" if self.listening == 1 else f"{self.listening} ports"
            unhealthy = {0: "none is", 1: "1 is"}.get(self.unhealthy, f"{self.unhealthy} are")
            parts = (
                f"{listening} listening: {self.known} you know, {self.unknown} you don't, "
                f"{unhealthy} unhealthy."
            )
        if self.missing:
            plural = "port is" if self.missing == 1 else "ports are"
            parts += f" {self.missing} expected {plural} missing."
        return parts
