"""How well each host is being seen: what the board has to admit before it shows ports."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Case, Count, IntegerField, OuterRef, Subquery, Value, When
from django.db.models.functions import Coalesce

from collector.models import Host, HostEvent
from collector.sweep import Verdict
from collector.timekeeping import MISSED_SWEEPS
from portatlas.board.words import ago, span
from portatlas.models import BOOT, Port

# The columns that the board is made of.
OF_HOST = (
    *("host_id", "verdict", "reason", "owners_reason", "unsettled", "booted_at", "sweep_interval"),
    *("last_look_at", "last_sweep_at", "watched_since", "watched_until"),
    *("refused_at", "refused_reason"),
)
NEWS = timedelta(hours=1)  # so long the board tells what happened to a host
MOST_NEWS = 200  # of all hosts together


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
        problems = []
        if host.verdict in {Verdict.FAILED, Verdict.SUSPECT}:
            shown = (
                f"What is shown is of {host.last_sweep_at:%F %T} UTC."
                if host.last_sweep_at
                else "Nothing could be recorded yet."
            )
            problems.append(
                f"The last look at {host.host_id} is {host.verdict}: {host.reason} {shown}"
            )
        elif host.verdict == Verdict.PARTIAL:
            problems.append(f"The last look at {host.host_id} is partial: {host.reason}")
        elif host.reason:
            problems.append(f"{host.host_id}: {host.reason}")
        patience = timedelta(seconds=MISSED_SWEEPS * host.sweep_interval)
        if host.sweep_interval and now - host.last_look_at > patience:
            problems.append(
                f"Nobody has looked at {host.host_id} for {span(now - host.last_look_at)}: "
                "what it does now is unknown. Is the worker running?"
            )
        if host.last_look_at > now:
            problems.append(
                f"The clock of {host.host_id} was set back: until it has passed "
                f"{host.last_look_at:%F %T} UTC again, what happens is dated then."
            )
        if host.refused_at and host.refused_at > host.last_look_at:
            problems.append(
                f"A look was refused {ago(host.refused_at, now)}: {host.refused_reason}"
            )
        if host.owners_reason:
            problems.append(f"{host.host_id}: {host.owners_reason}")
        return cls(
            host.host_id,
            ago(host.last_look_at, now),
            tuple(problems),
            tuple(_news(host, events, now)),
        )


def all_hosts() -> list[Host]:
    """Return every host; one that has just booted has its `awaited` ports counted. One query."""
    awaited = (
        Port.objects.awaited()
        .filter(host_id=OuterRef("pk"))
        .order_by()
        .values("host_id")
        .annotate(number=Count("pk"))
        .values("number")
    )
    hosts = Host.objects.annotate(
        awaited=Case(
            When(unsettled=BOOT, then=Coalesce(Subquery(awaited), 0)),
            default=Value(0),
            output_field=IntegerField(),
        )
    )
    return list(hosts.only(*OF_HOST))


def host_views(hosts: Iterable[Host], now: datetime) -> list[HostView]:
    """Return hosts as the board shows them, in one query."""
    recent = defaultdict(list)
    for event in HostEvent.objects.filter(timestamp__range=(now - NEWS, now))[:MOST_NEWS]:
        recent[event.host_id].append(event)
    return [HostView.of(host, now, recent[host.host_id]) for host in hosts]


def _news(host: Host, events: Iterable[HostEvent], now: datetime):
    """Yield what happened to a host lately, the last of each kind, each as a sentence."""
    last: dict[str, HostEvent] = {}
    for event in events:
        last.setdefault(event.event_type, event)
    reboot = last.pop(HostEvent.Type.REBOOTED, None)
    if reboot or host.awaited:
        when = host.booted_at or (reboot.timestamp if reboot else host.watched_since)
        yield f"{host.host_id} rebooted {ago(when, now)}{_still_missing(host.awaited)}."
    for event in last.values():
        yield f"{host.host_id}, {ago(event.timestamp, now)}: {_said(event)}"


def _still_missing(count: int) -> str:
    if not count:
        return ""
    return f"; {count} {'port has' if count == 1 else 'ports have'} not come back yet"


def _said(event: HostEvent) -> str:
    words = event.get_event_type_display()
    return f"{words}. {event.detail}" if event.detail else f"{words}."
