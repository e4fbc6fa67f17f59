"""The stretches in which a host was watched, and what happened to all its ports at once."""

from datetime import datetime

from django.db.models import F, QuerySet

from collector.machine import ADJUSTED
from collector.models import Coverage, Host, HostEvent, PortEvent
from collector.sweep import Sweep

Cause = PortEvent.Cause
Type = HostEvent.Type


def extend(host: Host, sweep: Sweep, cause: Cause) -> list[HostEvent]:
    """
    Extend the stretch that the host is in, or begin another; return what there is to tell.

    The host is changed, and remains to be saved, as do the events.
    """
    events = []
    if cause != Cause.OBSERVED:
        if host.watched_since:
            _open(host).update(ended_at=host.watched_until, sweeps=host.sweeps)
            events.append(_break(host, sweep, cause))
        host.watched_since, host.sweeps = sweep.taken_at, 0
        host.coverage.create(
            boot_id=sweep.boot_id, started_at=sweep.taken_at, ended_at=sweep.taken_at
        )
    host.watched_until = sweep.taken_at
    host.sweeps += 1
    return events


def blemish(host: Host, sweep: Sweep) -> None:
    """Count a look that was not complete, and keep why."""
    _open(host).update(failures=F("failures") + 1, last_failure=f"{sweep.verdict}: {sweep.reason}")


def set_back(host: Host, sweep: Sweep) -> list[HostEvent]:
    """
    Tell, once, that the clock of a sweep says less than it did at the last look.

    That it did is known from the time of the boot, which a clock that is set back takes along.
    """
    times = (host.booted_at, sweep.booted_at)
    if all(times) and host.boot_id == sweep.boot_id and abs(times[0] - times[1]) <= ADJUSTED:
        return []
    detail = f"It said {sweep.taken_at:%F %T} UTC after that."
    return [_event(host, Type.CLOCK_SET_BACK, host.last_look_at, detail)]


def surge(host: Host, sweep: Sweep, appeared: int) -> HostEvent:
    """Tell of many ports at once."""
    detail = f"{appeared} ports appeared in one sweep."
    return _event(host, Type.SURGE, sweep.taken_at, detail)


def _open(host: Host) -> QuerySet[Coverage]:
    return host.coverage.filter(started_at=host.watched_since, boot_id=host.boot_id)


def _break(host: Host, sweep: Sweep, cause: Cause) -> HostEvent:
    detail = f"Nobody had looked since {host.watched_until:%F %T} UTC."
    if cause != Cause.BOOT:
        return _event(host, Type.UNWATCHED, sweep.taken_at, detail)
    if sweep.booted_at:
        detail = f"Up since {sweep.booted_at:%F %T} UTC. {detail}"
    return _event(host, Type.REBOOTED, sweep.taken_at, detail)


def _event(host: Host, event_type: Type, timestamp: datetime, detail: str) -> HostEvent:
    return HostEvent(host=host, event_type=event_type, timestamp=timestamp, detail=detail)
