"""
Time that never runs back: which look is newer, and how long nobody looked (N61, N62, N63).

Wall clocks jump, are set back and stand still while a machine sleeps. Within one boot the
seconds since boot tell the order of two looks and what lies between them. A host dates what
happens to it by its own clock; how far that is ahead of ours stands beside it.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from collector.models import Coverage, Host, PortEvent
from collector.sweep import Sweep

USUAL_INTERVAL = 15  # seconds; what a host without a schedule of its own is measured by
MISSED_SWEEPS = 3  # so many intervals without a look are a gap in its coverage
NOISE = 2  # seconds between two clocks that are taken for none: a sweep is as long on its way
BOOT_GRACE = 180  # seconds from boot in which services may still be starting

Cause = PortEvent.Cause


def patience(interval: float) -> timedelta:
    """Return how long a host may go without a look, when one is due every `interval` seconds."""
    return timedelta(seconds=MISSED_SWEEPS * (interval or USUAL_INTERVAL))


def dated(sweep: Sweep, host: Host) -> Sweep | None:
    """
    Return the sweep with a time that is not before the host's last look, None if it is late.

    A clock that was set back makes no sweep late: what it sees is dated like the last look,
    until the clock has passed that again.
    """
    if sweep.taken_at > host.last_look_at:
        return sweep
    return replace(sweep, taken_at=host.last_look_at) if _is_newer_by_boot(sweep, host) else None


def looked_at(sweep: Sweep, sent_at: datetime | None, at: datetime) -> datetime | None:
    """
    Return when a sweep was taken by our clock, by which it came `at` this time.

    `sent_at` is when it was sent by the clock of its host: between the two it waited there, be it
    for seconds or for days. None where that is not told. It is never later than `at`.
    """
    return sent_at and at - max(sent_at - sweep.taken_at, timedelta())


def ahead(sweep: Sweep, looked_at: datetime | None) -> float:
    """
    Return by how many seconds a sweep is dated ahead of our clock, 0 where that is not known.

    Whole ones, and none below NOISE, so that it stays the same from sweep to sweep.
    """
    seconds = round((sweep.taken_at - looked_at).total_seconds()) if looked_at else 0
    return seconds if abs(seconds) >= NOISE else 0


def ours(moment: datetime, ahead: float) -> datetime:
    """Return what our clock said at a moment that a host dates, whose clock is so far ahead."""
    return moment - timedelta(seconds=ahead)


def cause(sweep: Sweep, host: Host) -> Cause:
    """Say how what this sweep finds new has come about."""
    if host.watched_until is None:
        return Cause.FIRST_SWEEP
    if host.boot_id and sweep.boot_id and host.boot_id != sweep.boot_id:
        return Cause.BOOT
    # An interval that was just shortened does not turn the wait before into a gap.
    interval = max(sweep.interval, host.sweep_interval)
    if _unwatched(sweep, host) > patience(interval):
        return Cause.GAP
    return Cause.OBSERVED


def is_settling(sweep: Sweep) -> bool:
    """Whether a machine booted so lately that its services may still be starting."""
    return 0 < sweep.uptime < BOOT_GRACE


def _unwatched(sweep: Sweep, host: Host) -> timedelta:
    """Return how long nobody has looked, jumps of the clock taken out."""
    span = sweep.taken_at - host.watched_until
    if _is_same_boot(sweep, host) and host.uptime and sweep.uptime:
        since_last_look = timedelta(seconds=sweep.uptime - host.uptime)
        span += since_last_look - (sweep.taken_at - host.last_look_at)
    return span


def _is_newer_by_boot(sweep: Sweep, host: Host) -> bool:
    if _is_same_boot(sweep, host):
        return 0 < host.uptime < sweep.uptime
    if not host.boot_id or not sweep.boot_id:
        return False
    return not Coverage.objects.filter(host=host, boot_id=sweep.boot_id).exists()


def _is_same_boot(sweep: Sweep, host: Host) -> bool:
    return bool(sweep.boot_id) and sweep.boot_id == host.boot_id
