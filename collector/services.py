"""Write facts: what a sweep saw becomes rows and events, in one transaction."""

import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import transaction

from collector import bulk, coverage, statements, timekeeping, transients, unchanged
from collector.doubt import FEW_PORTS, FEW_TO_REPEAT, doubt, is_confirmed
from collector.history import History
from collector.identity import SweepRefusedError, raise_if_other, refuse
from collector.look import Watch
from collector.models import Host, HostEvent, PortEvent, PortRuntime
from collector.remembered import Trace
from collector.sweep import HOST_ID, Listener, Sweep, Verdict, changes

logger = logging.getLogger(__name__)

MANY_PORTS = 100  # so many that appear in one sweep are news of the host
FEW_CHANGES = 500  # up to so many, only their rows are read

Cause = PortEvent.Cause


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a sweep. Its verdict is how far it was believed in the end."""

    sweep: Sweep
    dropped: bool = False  # this look, or a newer one, was already recorded
    repeated: bool = False  # it is the very look that was recorded last; its verdict is that one's
    unchanged: bool = False  # it saw what is recorded
    digest: str = ""  # of what is recorded; "" if the next look can't be told by it
    appeared: int = 0
    disappeared: int = 0
    rebound: int = 0
    changed: frozenset[tuple[str, int]] = frozenset()  # the ports of which something was written


@dataclass(frozen=True, slots=True)
class _Terms:
    """How a sweep is to be recorded."""

    alive_every: float
    before: Sweep | Trace | None
    few: int  # from so many ports on, half of them gone at once is doubted; 0: never


def collect(  # noqa: PLR0913  # a look has as many settings, and only doors read settings
    watch: Watch,
    host_id: str,
    *,
    clock: Callable[[], datetime],
    timeout: float,
    interval: float,
    alive_every: float,
) -> Outcome:
    """
    Look at this machine and record what was seen. All but the clock are seconds.

    A look that is too poor to be true is repeated at once, in full: two agreeing readings are
    believed, unless psutil sees more. Raises SweepRefusedError.
    """
    before = watch.last
    first = watch.look(host_id, at=clock(), timeout=timeout, interval=interval)
    outcome = reconcile(first, alive_every=alive_every, before=before, may_repeat=True)
    if outcome.sweep.verdict == Verdict.SUSPECT:
        watch.forget()
        again = watch.look(host_id, at=clock(), timeout=timeout, interval=interval)
        confirmed = is_confirmed(first, again)
        outcome = reconcile(again, alive_every=alive_every, confirmed=confirmed, may_repeat=True)
    if outcome.dropped:
        logger.warning("A newer look at %s is recorded already.", host_id)
    elif outcome.sweep.verdict in {Verdict.FAILED, Verdict.SUSPECT}:
        logger.warning(
            "The look at %s is %s: %s", host_id, outcome.sweep.verdict, outcome.sweep.reason
        )
    return outcome


def reconcile(  # noqa: PLR0913  # as above: what callers know of how a look came about
    sweep: Sweep,
    *,
    alive_every: float = 3600,
    confirmed: bool = False,
    before: Sweep | Trace | None = None,
    may_repeat: bool = False,
    at: datetime | None = None,
    looked_at: datetime | None = None,
) -> Outcome:
    """
    Record a sweep: create what is new, update what changed, mark what has gone.

    Nothing is ever deleted, and nothing disappears but by a complete sweep. `confirmed` says
    that a second reading agreed with a suspect one, `may_repeat` that one can be had, so that
    less is enough for doubt. `before` is the look that preceded this one; if it is what is
    recorded, only the rows that differ from it are read. An unchanged sweep costs one UPDATE; a
    late or repeated one is dropped. Raises SweepRefusedError when the sweep is not of its host;
    the host then keeps why, and that it was `at` this time, that of the sweep by default.
    `looked_at` is when it was taken by our clock, if that is another than its own.
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
    may_be_unchanged = sweep.verdict == Verdict.COMPLETE and (
        before is None or before.digest == sweep.digest
    )
    if may_be_unchanged and unchanged.extend(sweep, sweep.digest, alive_every, looked_at):
        return Outcome(sweep, unchanged=True, digest=sweep.digest)
    try:
        with transaction.atomic():
            host, is_new = _lock(sweep)
            dated = sweep if is_new else timekeeping.dated(sweep, host)
            if dated is None:
                return dropped(sweep, host)
            host.clock_ahead = timekeeping.ahead(dated, looked_at)
            news = [] if dated is sweep else coverage.set_back(host, sweep)
            few = FEW_TO_REPEAT if may_repeat else FEW_PORTS
            terms = _Terms(alive_every, before, 0 if confirmed else few)
            return _record(host, dated, terms, news)
    except SweepRefusedError as exc:
        if sweep.source == "file":
            raise  # whoever handed it over is told; it is nobody else's concern
        refuse(sweep.host_id, at or sweep.taken_at, str(exc))
        raise


def dropped(sweep: Sweep, host: Host) -> Outcome:
    """Return what becomes of a sweep that is no newer than the last one of its host."""
    if sweep.taken_at != host.last_look_at:
        return Outcome(sweep, dropped=True)
    told = replace(sweep, verdict=Verdict(host.verdict), reason=host.reason)
    digest = host.digest if told.verdict == Verdict.COMPLETE else ""
    return Outcome(told, dropped=True, repeated=True, digest=digest)


def _lock(sweep: Sweep) -> tuple[Host, bool]:
    """Return the host, locked, and whether it had to be made. Raises SweepRefusedError."""
    host, created = statements.locked(sweep.host_id), False
    if host is None:  # unless somebody makes it at this moment
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
    raise_if_other(host, sweep)
    return host, created


def _record(host: Host, sweep: Sweep, terms: _Terms, news: list[HostEvent]) -> Outcome:
    """Record a sweep of a locked host, and the news that there are of it already."""
    if sweep.verdict == Verdict.COMPLETE and (host.source, sweep.source) == ("ss", "psutil"):
        # It may see less than ss did: what it adds is true, what it misses is not gone for sure.
        sweep = replace(sweep, verdict=Verdict.PARTIAL)
    if sweep.verdict in {Verdict.FAILED, Verdict.SUSPECT}:
        return _disbelieve(host, sweep, news)

    cause = timekeeping.cause(sweep, host)
    is_settling = timekeeping.is_settling(sweep) and Cause.BOOT in {cause, host.unsettled}
    alive = _is_due(host.last_alive_at, sweep.taken_at, terms.alive_every)
    is_steady = cause == Cause.OBSERVED and not host.unsettled and not alive
    is_known = is_steady and terms.before and terms.before.digest == host.digest
    rows, listeners, active = _concerned(host, sweep, terms.before if is_known else None)
    if sweep.verdict == Verdict.COMPLETE and not is_settling:
        reason = doubt(active, sweep, terms.few)
        if reason:
            suspect = replace(sweep, verdict=Verdict.SUSPECT, reason=reason)
            return _disbelieve(host, suspect, news)

    what = History(
        sweep,
        cause,
        unsettled=host.unsettled,
        since=host.watched_since if cause == Cause.OBSERVED else sweep.taken_at,
        is_settling=is_settling,
        last_sweep_at=host.last_sweep_at,
        heartbeat=alive,
        has_own_time=sweep.taken_at > host.last_look_at,
    )
    what.compare(rows, listeners)
    bulk.upsert(what.written, unique=("host", "protocol", "port"), keep=("first_seen_at",))
    bulk.insert(what.events)
    if what.transients:
        passed = [each for each in transients.lives(sweep) if each.key in what.transients]
        transients.record(host.pk, passed)
    appeared = what.count(PortEvent.Type.APPEARED)
    news += coverage.extend(host, sweep, cause)
    if appeared >= MANY_PORTS and cause == Cause.OBSERVED:
        news.append(coverage.surge(host, sweep, appeared))
    bulk.insert(news)
    _remember(host, sweep)
    if alive:
        host.last_alive_at = sweep.taken_at
    # With something still to be found out, the next look must not pass for unchanged.
    host.digest = "" if what.is_pending else sweep.digest
    _settle(host, sweep, cause, is_settling=is_settling)
    statements.save(host)
    if sweep.verdict == Verdict.PARTIAL:
        coverage.blemish(host, sweep)
    return Outcome(
        sweep,
        digest=host.digest,
        appeared=appeared,
        disappeared=what.count(PortEvent.Type.DISAPPEARED),
        rebound=what.count(PortEvent.Type.REBOUND),
        changed=frozenset(row.key for row in what.written),
    )


def _concerned(
    host: Host, sweep: Sweep, known: Sweep | Trace | None
) -> tuple[list[PortRuntime], Iterable[Listener], set[tuple[str, int]]]:
    """
    Return the rows and listeners to be compared, and the keys of all servers that were active.

    When the look that is `known` is what is recorded, only what differs from it is concerned,
    and of what the kernel told something.
    """
    if known:
        keys = known.changes(sweep) if isinstance(known, Trace) else changes(known, sweep)
        keys |= sweep.news.by_key.keys()
        if len(keys) <= FEW_CHANGES:
            return (
                [row for row in statements.rows_on(host, keys) if row.key in keys],
                [sweep.by_key[key] for key in sorted(keys & sweep.by_key.keys())],
                known.servers,
            )
    found = list(PortRuntime.objects.filter(host=host))
    active = {row.key for row in found if row.is_active and not row.is_client}
    return found, sweep.listeners, active


def _disbelieve(host: Host, sweep: Sweep, news: list[HostEvent]) -> Outcome:
    """Keep that a look failed, and why. The facts stay as they are."""
    host.verdict, host.reason = sweep.verdict, sweep.reason
    host.last_look_at, host.uptime = sweep.taken_at, sweep.uptime
    host.booted_at, host.sweep_interval = sweep.booted_at, sweep.interval
    kept = "verdict", "reason", "last_look_at", "uptime", "booted_at", "sweep_interval"
    host.save(update_fields=[*kept, "clock_ahead"])
    coverage.blemish(host, sweep)
    bulk.insert(news)
    return Outcome(sweep)


def _is_due(last: datetime | None, at: datetime, every: float) -> bool:
    return last is None or at - last >= timedelta(seconds=every)


def _settle(host: Host, sweep: Sweep, cause: Cause, *, is_settling: bool) -> None:
    """Keep what a look leaves open: a partial one, or one that came soon after the boot."""
    if sweep.verdict == Verdict.COMPLETE:
        host.last_sweep_at = sweep.taken_at
        host.source = sweep.source
        host.unsettled = Cause.BOOT if is_settling else ""
    elif cause != Cause.OBSERVED:
        host.unsettled = cause
    if host.unsettled or sweep.verdict != Verdict.COMPLETE:
        host.digest = ""


def _remember(host: Host, sweep: Sweep) -> None:
    """Keep on the host how this look went."""
    host.machine_id = sweep.machine_id or host.machine_id
    host.boot_id, host.booted_at = sweep.boot_id, sweep.booted_at
    host.verdict, host.reason = sweep.verdict, sweep.reason
    host.owners_seen, host.owners_reason = sweep.owners_seen, sweep.owners_reason
    host.event_source, host.event_source_reason = sweep.event_source, sweep.event_source_reason
    host.tool_version, host.uptime = sweep.tool_version, sweep.uptime
    host.sweep_interval, host.duration = sweep.interval, sweep.duration
    host.last_look_at = sweep.taken_at
