"""
Silent hosts: nobody has seen them for so long that what they do now is unknown.

Be it that no look came, or none that could be believed: a host is silent once three looks are
missing, as it is not watched then (`intervals.py`). A host that plans none is never silent.
When it was seen is told by our clock, however far its own is off.
"""

from collections.abc import Iterable
from datetime import datetime

from collector.models import Host
from collector.timekeeping import MISSED_SWEEPS, ours


def last_look(host: Host) -> datetime:
    """Return when a host was looked at last, with whatever verdict."""
    return ours(host.last_look_at, host.clock_ahead)


def last_seen(host: Host) -> datetime:
    """Return when a host was looked at last by a look that could be believed, if any was."""
    return ours(host.watched_until or host.last_look_at, host.clock_ahead)


def silent_since(host: Host, now: datetime) -> datetime | None:
    """Return when a host was seen last, if it is silent by now; None if it is not."""
    seen = last_seen(host)
    return seen if is_overdue(seen, host.sweep_interval, now) else None


def is_overdue(seen: datetime, interval: float, now: datetime) -> bool:
    """Whether three looks are missing since then, where one is due every `interval` seconds."""
    return 0 < interval * MISSED_SWEEPS < (now - seen).total_seconds()


def silences(hosts: Iterable[Host], now: datetime) -> dict[str, datetime]:
    """Return since when each of the silent hosts is so, by its name."""
    found = ((host.host_id, silent_since(host, now)) for host in hosts)
    return {host_id: since for host_id, since in found if since}
