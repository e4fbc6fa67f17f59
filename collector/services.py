"""Write facts: what a sweep saw becomes rows and events, in one transaction."""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from collector import history, look
from collector.models import Coverage, Host, PortEvent, PortRuntime
from collector.sweep import HOST_ID, Sweep, Verdict, servers

logger = logging.getLogger(__name__)

USUAL_INTERVAL = 15  # seconds; what a host without a schedule of its own is measured by
MISSED_SWEEPS = 3  # so many intervals without a look are a gap in its coverage
PRUNED_AT_ONCE = 5_000  # events
FEW_PORTS = 5  # below this many ports, half of them may well go at once

Cause = PortEvent.Cause


class SweepRefusedError(Exception):
    """The sweep is not of the host that it says it is; no fact was written."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a sweep. Its verdict is how far it was believed in the end."""

    sweep: Sweep
    dropped: bool = False  # a newer look was already recorded
    appeared: int = 0
    disappeared: int = 0
    rebound: int = 0


def collect(
    host_id: str,
    *,
    clock: Callable[[], datetime],
    timeout: float,
    interval: float,
    alive_every: float,
) -> Outcome:
    """
    Look at this machine and record what was seen. All but the clock are seconds.

    A look that is too poor to be true is repeated at once: two agreeing readings are
    believed. Raises SweepRefusedError.
    """
    first = look.at_this_machine(host_id, at=clock(), timeout=timeout, interval=interval)
    outcome = reconcile(first, alive_every=alive_every)
    if outcome.sweep.verdict == Verdict.SUSPECT:
        again = look.at_this_machine(host_id, at=clock(), timeout=timeout, interval=interval)
        agree = (first.verdict, servers(first.listeners)) == (
            again.verdict,
            servers(again.listeners),
        )
        outcome = reconcile(again, alive_every=alive_every, confirmed=agree)
    if outcome.dropped:
        logger.warning("A newer look at %s is recorded. Was the clock set back?", host_id)
    elif outcome.sweep.verdict in {Verdict.FAILED, Verdict.SUSPECT}:
        logger.warning(
            "The look at %s is %s: %s", host_id, outcome.sweep.verdict, outcome.sweep.reason
        )
    return outcome


def reconcile(sweep: Sweep, *, alive_every: float = 3600, confirmed: bool = False) -> Outcome:
    """
    Record a sweep: create what is new, update what changed, mark what has gone.

    Nothing is ever deleted, and nothing disappears but by a complete sweep. `confirmed` says
    that a second reading agreed with a suspect one. An unchanged sweep costs two UPDATEs;
    a sweep not newer than the last look is dropped. Raises SweepRefusedError when
    the sweep is not of its host; the host then keeps why.
    """
    if confirmed and sweep.verdict == Verdict.SUSPECT:
        sweep = replace(sweep, verdict=Verdict.COMPLETE, reason="")
    if not re.fullmatch(HOST_ID, sweep.host_id):
        raise SweepRefusedError(
            f"{sweep.host_id!r} can't be the name of a host: it takes 1 to 64 letters, digits "
            "and . _ : - and begins with a letter or a digit."
        )
    believed = sweep.verdict in {Verdict.COMPLETE, Verdict.PARTIAL}
    if sweep.source == "file" and not believed and not Host.objects.filter(pk=sweep.host_id):
        return Outcome(sweep)  # a typing mistake makes no host
    try:
        with transaction.atomic():
            if sweep.verdict == Verdict.COMPLETE and _extend(sweep, alive_every):
                return Outcome(sweep)
            host = _lock(sweep)
            if host is None:
                return Outcome(sweep, dropped=True)
            return _record(host, sweep, alive_every, confirmed=confirmed)
    except SweepRefusedError as exc:
        if sweep.source == "file":
            raise  # whoever handed it over is told; it is nobody else's concern
        Host.objects.filter(pk=sweep.host_id).update(
            refused_at=sweep.taken_at, refused_reason=str(exc)
        )
        raise


def events_before(moment: datetime):
    """Return the events that `prune` would delete."""
    return PortEvent.objects.filter(timestamp__lt=moment).order_by("timestamp")


def prune(moment: datetime) -> int:
    """
    Delete the events before a moment and return how many. Nothing else is ever deleted.

    In batches with a transaction each, so that sweeps get their turn in between.
    """
    count = 0
    while batch := list(events_before(moment).values_list("pk", flat=True)[:PRUNED_AT_ONCE]):
        count += PortEvent.objects.filter(pk__in=batch).delete()[0]
    return count


def _extend(sweep: Sweep, alive_every: float) -> bool:
    """Note that nothing changed since the last look, if so: one conditional UPDATE tells."""
    unchanged = Host.objects.filter(
        host_id=sweep.host_id,
        machine_id=sweep.machine_id,
        boot_id=sweep.boot_id,
        source=sweep.source,
        sweep_interval=sweep.interval,
        verdict=Verdict.COMPLETE,
        digest=sweep.digest,
        last_look_at__lt=sweep.taken_at,
        last_look_at__gte=sweep.taken_at - _patience(sweep.interval),
        last_alive_at__gt=sweep.taken_at - timedelta(seconds=alive_every),
    ).update(
        last_look_at=sweep.taken_at,
        last_sweep_at=sweep.taken_at,
        uptime=sweep.uptime,
        duration=sweep.duration,
        unchanged_sweeps=F("unchanged_sweeps") + 1,
    )
    return bool(unchanged)


def _patience(interval: float) -> timedelta:
    return timedelta(seconds=MISSED_SWEEPS * (interval or USUAL_INTERVAL))


def _lock(sweep: Sweep) -> Host | None:
    """Return the host, locked and made if need be, or None if the sweep comes too late."""
    host, created = Host.objects.select_for_update().get_or_create(
        host_id=sweep.host_id,
        defaults={
            "machine_id": sweep.machine_id,
            "source": sweep.source,
            "last_look_at": sweep.taken_at,
            "verdict": sweep.verdict,
            "owners_seen": sweep.owners_seen,
        },
    )
    if created:
        return host
    told = {host.machine_id, sweep.machine_id} - {""}
    if len(told) > 1:
        raise SweepRefusedError(
            f"Host {sweep.host_id!r} is machine {host.machine_id}, but this look is at machine "
            f"{sweep.machine_id}. Give one of them a name of its own (PORTATLAS_HOST_ID)."
        )
    if "file" in {host.source, sweep.source} and host.source != sweep.source:
        raise SweepRefusedError(
            f"Host {sweep.host_id!r} is known by {host.source}, not by {sweep.source}: saved "
            "output and live looks can't share a name. Choose another host name."
        )
    return None if sweep.taken_at <= host.last_look_at else host


def _record(host: Host, sweep: Sweep, alive_every: float, *, confirmed: bool) -> Outcome:
    coverage = Coverage.objects.filter(host=host).first()
    if sweep.verdict in {Verdict.FAILED, Verdict.SUSPECT}:
        return _disbelieve(host, coverage, sweep)

    rows = list(PortRuntime.objects.filter(host=host))
    doubt = "" if confirmed or sweep.verdict == Verdict.PARTIAL else _doubt(rows, sweep)
    if doubt:
        return _disbelieve(host, coverage, replace(sweep, verdict=Verdict.SUSPECT, reason=doubt))

    complete = sweep.verdict == Verdict.COMPLETE
    cause = _cause(host, coverage, sweep)
    alive = _is_due(host.last_alive_at, sweep.taken_at, alive_every)
    what = history.History(
        sweep,
        cause,
        unsettled=host.unsettled,
        since=coverage and coverage.started_at,
        last_sweep_at=host.last_sweep_at,
        heartbeat=alive,
    )
    what.compare(rows)
    _write(what)
    if coverage and cause == Cause.OBSERVED:
        coverage.ended_at = sweep.taken_at
        coverage.sweeps += host.unchanged_sweeps + 1
        coverage.save(update_fields=["ended_at", "sweeps"])
    else:
        Coverage.objects.create(
            host=host,
            boot_id=sweep.boot_id,
            started_at=sweep.taken_at,
            ended_at=sweep.taken_at,
        )
        host.watched_since = sweep.taken_at
    host.unchanged_sweeps = 0
    _remember(host, sweep)
    if complete:
        host.last_sweep_at = sweep.taken_at
        host.unsettled = ""
        # With an owner still to be found, the next look must not pass for an unchanged one.
        host.digest = "" if what.is_pending else sweep.digest
    elif cause != Cause.OBSERVED:
        host.unsettled = cause
    if alive:
        host.last_alive_at = sweep.taken_at
    host.save()
    return Outcome(
        sweep,
        appeared=what.count(PortEvent.Type.APPEARED),
        disappeared=what.count(PortEvent.Type.DISAPPEARED),
        rebound=what.count(PortEvent.Type.REBOUND),
    )


def _disbelieve(host: Host, coverage: Coverage | None, sweep: Sweep) -> Outcome:
    """Keep that a look failed, and why. The facts stay as they are."""
    host.verdict, host.reason = sweep.verdict, sweep.reason
    host.last_look_at = sweep.taken_at
    host.sweep_interval = sweep.interval
    host.save(update_fields=["verdict", "reason", "last_look_at", "sweep_interval"])
    if coverage and sweep.verdict == Verdict.FAILED:
        Coverage.objects.filter(pk=coverage.pk).update(failures=F("failures") + 1)
    return Outcome(sweep)


def _doubt(rows: list[PortRuntime], sweep: Sweep) -> str:
    """Say why a complete-looking sweep is hard to believe, "" if it isn't."""
    active = {row.key for row in rows if row.is_active and not row.is_client}
    gone = len(active - servers(sweep.listeners))
    if len(active) >= FEW_PORTS and gone * 2 > len(active):
        return f"{gone} of {len(active)} ports are gone at once."
    return ""


def _cause(host: Host, coverage: Coverage | None, sweep: Sweep) -> Cause:
    """Say how what this sweep finds new has come about."""
    if coverage is None:
        return Cause.FIRST_SWEEP
    if host.boot_id and sweep.boot_id and host.boot_id != sweep.boot_id:
        return Cause.BOOT
    # An interval that was just shortened does not turn the wait before into a gap.
    if sweep.taken_at - coverage.ended_at > _patience(max(sweep.interval, host.sweep_interval)):
        return Cause.GAP
    return Cause.OBSERVED


def _is_due(last: datetime | None, at: datetime, every: float) -> bool:
    return last is None or at - last >= timedelta(seconds=every)


def _write(what: history.History) -> None:
    PortRuntime.objects.bulk_create(what.created)
    # An upsert by primary key: one statement a batch, where bulk_update builds a CASE per column.
    PortRuntime.objects.bulk_create(
        what.updated,
        update_conflicts=True,
        unique_fields=["pk"],
        update_fields=[
            each.name
            for each in PortRuntime._meta.concrete_fields
            if each.name not in {"id", "host", "protocol", "port", "first_seen_at"}
        ],
    )
    PortEvent.objects.bulk_create(what.events)


def _remember(host: Host, sweep: Sweep) -> None:
    """Keep on the host how this look went."""
    host.machine_id = sweep.machine_id or host.machine_id
    host.boot_id, host.booted_at = sweep.boot_id, sweep.booted_at
    host.verdict, host.reason = sweep.verdict, sweep.reason
    host.owners_seen, host.owners_reason = sweep.owners_seen, sweep.owners_reason
    host.source, host.tool_version = sweep.source, sweep.tool_version
    host.sweep_interval, host.duration = sweep.interval, sweep.duration
    host.last_look_at = sweep.taken_at
