"""How well each host is being seen: what the board has to admit before it shows ports."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Count, Max, Subquery

from collector.models import Host, HostEvent
from collector.retirement import is_retired
from collector.sweep import Verdict
from collector.timekeeping import NOISE, ours
from portatlas.models import BOOT, Port
from portatlas.silence import is_overdue, last_look
from portatlas.words import ago, span

# The columns that the board is made of, or changes with; and those that move with every sweep.
OF_HOST = (
    *("host_id", "digest", "verdict", "reason", "owners_reason", "unsettled", "booted_at"),
    *("sweep_interval", "last_look_at", "last_sweep_at", "watched_since", "watched_until"),
    *("refused_at", "refused_reason", "retired_at", "event_source", "clock_ahead"),
)
MOVING = ("last_look_at", "last_sweep_at", "watched_until", "clock_ahead")
COLUMNS = [field.attname for field in Host._meta.concrete_fields if field.name in OF_HOST]
NEWS = timedelta(hours=1)  # so long the board tells what happened to a host
FAR_BEHIND = 86_400  # seconds; what a host tells whose clock is further behind is old at once
OFF = 10  # seconds; a clock that is further off is told, less may be a slow way to us


@dataclass(frozen=True, slots=True)
class HostView:
    """A host, when it was last looked at, what is wrong with that look, and what is new."""

    host_id: str
    last_look: str
    problems: tuple[str, ...]
    news: tuple[str, ...] = ()

    @classmethod
    def of(cls, host: Host, now: datetime, events: Iterable[HostEvent] = ()):
        """Say how a host is seen. `host` has its `awaited` ports counted, `events` are recent."""
        return cls(
            host.host_id,
            ago(last_look(host), now),
            tuple(problems(host, now)),
            tuple(_news(host, events, now)),
        )


def problems(host: Host, now: datetime) -> Iterator[str]:
    """Yield what is wrong with how a host is seen, each as a sentence; nothing of one retired."""
    if is_retired(host):
        return
    if host.verdict in {Verdict.FAILED, Verdict.SUSPECT}:
        shown = (
            f"What is shown is of {host.last_sweep_at:%F %T} UTC."
            if host.last_sweep_at
            else "Nothing could be recorded yet."
        )
        yield f"The last look at {host.host_id} is {host.verdict}: {host.reason} {shown}"
    elif host.verdict == Verdict.PARTIAL:
        yield f"The last look at {host.host_id} is partial: {host.reason}"
    elif host.reason:
        yield f"{host.host_id}: {host.reason}"
    looked_at = last_look(host)
    if is_overdue(looked_at, host.sweep_interval, now):
        yield (
            f"Nobody has looked at {host.host_id} for {span(now - looked_at)}: what it "
            "does now is unknown. Is its agent running, or the worker if it is this machine?"
        )
    if looked_at > now + timedelta(seconds=NOISE):
        yield (
            f"The clock of {host.host_id} was set back: until it has passed "
            f"{host.last_look_at:%F %T} UTC again, what happens is dated then."
        )
    if was_refused(host, now):
        refused = ago(host.refused_at, now)
        yield f"A look at {host.host_id} was refused {refused}: {host.refused_reason}"
    if host.owners_reason:
        yield f"{host.host_id}: {host.owners_reason}"


def was_refused(host: Host, now: datetime) -> bool:
    """
    Whether a look at a host was refused lately.

    That others are taken meanwhile does not end it: where two machines have one name, the looks
    at the one are refused between those at the other.
    """
    return host.refused_at is not None and now - host.refused_at < NEWS


def all_hosts() -> list[Host]:
    """Return every host as the board shows it, in one query, two while one has just booted."""
    return hosts_of(rows())


def rows(*also: Subquery) -> list[tuple]:
    """Return the COLUMNS of every host, and what is asked also, in one query."""
    return list(Host.objects.order_by("host_id").values_list(*COLUMNS, *also))


def hosts_of(rows: Iterable[tuple]) -> list[Host]:
    """Return the hosts of rows(), each with how many ports are `awaited` after its boot."""
    width = len(COLUMNS)
    hosts = [Host.from_db(DEFAULT_DB_ALIAS, COLUMNS, row[:width]) for row in rows]
    booting = [host.host_id for host in hosts if host.unsettled == BOOT]
    awaited = _awaited(booting) if booting else {}
    for host in hosts:
        host.awaited = awaited.get(host.host_id, 0)
    return hosts


def _awaited(hosts: list[str]) -> dict[str, int]:
    ports = Port.objects.filter(host__in=hosts).awaited().order_by()
    return dict(ports.values_list("host_id").annotate(Count("pk")))


def host_views(hosts: Iterable[Host], now: datetime) -> list[HostView]:
    """Return hosts as the board shows them, in one query."""
    hosts = list(hosts)
    behind = max((-host.clock_ahead for host in hosts), default=0)
    slack = timedelta(seconds=min(max(behind, 0), FAR_BEHIND))
    recent = defaultdict(list)
    for event in _last_events(now - NEWS - slack):
        recent[event.host_id].append(event)
    return [HostView.of(host, now, recent[host.host_id]) for host in hosts]


def _last_events(since: datetime):
    """Return the last event of each kind of each host, the newest first: no host hides another."""
    # Named, the hosts lead to their events of that time by the index.
    recent = HostEvent.objects.filter(
        timestamp__gte=since, host__in=Host.objects.order_by().values("pk")
    )
    newest = recent.order_by().values("host", "event_type").annotate(last=Max("pk"))
    return HostEvent.objects.filter(pk__in=newest.values("last"))


def _news(host: Host, events: Iterable[HostEvent], now: datetime):
    """Yield what happened to a host lately, the last of each kind, each as a sentence."""
    last: dict[str, HostEvent] = {}
    for event in events:
        if timedelta(seconds=-NOISE) <= now - ours(event.timestamp, host.clock_ahead) <= NEWS:
            last.setdefault(event.event_type, event)
    reboot = last.pop(HostEvent.Type.REBOOTED, None)
    if reboot or host.awaited:
        when = host.booted_at or (reboot.timestamp if reboot else host.watched_since)
        since = ago(ours(when, host.clock_ahead), now)
        yield f"{host.host_id} rebooted {since}{_still_missing(host.awaited)}."
    for event in last.values():
        yield f"{host.host_id}, {ago(ours(event.timestamp, host.clock_ahead), now)}: {_said(event)}"
    if abs(host.clock_ahead) > OFF and not is_retired(host):
        yield _clocks_differ(host)


def _clocks_differ(host: Host) -> str:
    """Say how far a host is dated wrong: its clock is off, or ours, or it was set back (N63)."""
    off, late = span(timedelta(seconds=abs(host.clock_ahead))), host.clock_ahead > 0
    return (
        f"The clocks of {host.host_id} and of this hub differ: what happens there is dated {off} "
        f"too {'late' if late else 'early'}. Have NTP set the one that is wrong "
        "(timedatectl set-ntp true)."
    )


def _still_missing(count: int) -> str:
    if not count:
        return ""
    return f"; {count} {'port has' if count == 1 else 'ports have'} not come back yet"


def _said(event: HostEvent) -> str:
    words = event.get_event_type_display()
    return f"{words}. {event.detail}" if event.detail else f"{words}."
