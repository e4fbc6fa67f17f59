"""What is read of the past of ports: when their hosts were watched, when they came and went."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db.models import OuterRef, Subquery

from collector.models import Coverage, Host, PortEvent
from collector.timekeeping import ours, patience
from portatlas.intervals import Interval, Stretch, Transition, intervals
from portatlas.models import Port

MOST_ROWS = 5_000  # of a kind that are read for all ports of a page together


class Presence(NamedTuple):
    """What a port was throughout a window, and how often it was seen to come or go in it."""

    intervals: tuple[Interval, ...]
    times: int


def presences(
    ports: Sequence[Port],
    *,
    start: datetime,
    end: datetime,
    now: datetime,
    kept_since: datetime | None = None,
) -> dict[int, Presence]:
    """
    Return what ports were from start to end, by primary key. Needs their hosts.

    In two queries at most, however many ports: what has not changed in the window, and hosts
    watched all through it, are not asked about. Ports with the same past share one Presence.
    The window may end a little after now; what is watched is taken to go on until then.
    Without the events before `kept_since`, or those beyond the rows that are read, a port is
    unknown until it is known again.
    """
    watched = _watched({port.host_id: port.host for port in ports}.values(), start, end, now)
    rows, read_since = _transitions(ports, start)
    known_since = max(read_since, kept_since or start)
    shared: dict[tuple, Presence] = {}
    found = {}
    for port in ports:
        was_up, transitions = course(port, rows[port.pk], start, known(port, known_since, start))
        stretches = watched.get(port.host_id, ())
        key = (stretches, was_up, transitions)
        if key not in shared:
            pieces = intervals(
                start=start,
                end=end,
                watched=stretches,
                transitions=transitions,
                was_up=was_up,
            )
            times = sum(each.is_observed and each.time <= end for each in transitions)
            shared[key] = Presence(tuple(pieces), times)
        found[port.pk] = shared[key]
    return found


def changed_at(port: Port) -> datetime:
    """Return a time after which a port neither came nor went."""
    came, went = port.active_since, port.last_disappeared_at
    return max(came, went) if came and went else came or went


def known(port: Port, kept_since: datetime, start: datetime) -> datetime:
    """Return from when on it is known what a port was, without events before `kept_since`."""
    if port.first_seen_at >= kept_since:
        return start
    return max(start, min(kept_since, changed_at(port)))


def course(
    port: Port, rows: list[Transition], start: datetime, since: datetime
) -> tuple[bool | None, tuple[Transition, ...]]:
    """Return what a port was at the start, and what it became; it is known from `since` on."""
    became = [row for row in rows if row.time > since]
    was_up = not became[0].is_up if became else port.is_active
    became += awaited(port)
    if since <= start:
        return was_up, tuple(became)
    return None, (Transition(since, was_up, is_observed=False), *became)


def transition(time: datetime, event_type: str, cause: str) -> Transition:
    """Return an event as a transition."""
    is_observed = cause == PortEvent.Cause.OBSERVED
    return Transition(time, event_type == PortEvent.Type.APPEARED, is_observed)


def awaited(port: Port) -> list[Transition]:
    """Return that a port has not been seen since its host booted, which no event says yet."""
    since = port.host.watched_since
    return [Transition(since, is_up=False, is_observed=False)] if port.is_awaited and since else []


def open_stretch(host: Host, end: datetime, now: datetime) -> Stretch:
    """
    Return the stretch that a host is in, which goes on to `end` unless looks are missing.

    While its patience lasts, the next look is merely not due yet: taken now, it would extend
    the stretch.
    """
    until = host.watched_until or host.watched_since
    is_watched = now - ours(until, host.clock_ahead) <= patience(host.sweep_interval)
    return Stretch(host.watched_since, end if is_watched else until)


def _transitions(
    ports: Iterable[Port], start: datetime
) -> tuple[dict[int, list[Transition]], datetime]:
    """Return the transitions of ports, ascending, and since when all of them were read."""
    by_port = defaultdict(list)
    changed = [port.pk for port in ports if changed_at(port) > start]
    if not changed:
        return by_port, start
    newest = (
        PortEvent.objects.transitions()
        .filter(port_runtime__in=changed, timestamp__gt=start)
        .order_by("-timestamp", "-pk")
        .values_list("port_runtime", "timestamp", "event_type", "cause")
    )
    rows = list(newest[: MOST_ROWS + 1])
    for pk, *row in reversed(rows[:MOST_ROWS]):
        by_port[pk].append(transition(*row))
    return by_port, rows[MOST_ROWS][1] if len(rows) > MOST_ROWS else start


def _watched(
    hosts: Iterable[Host], start: datetime, end: datetime, now: datetime
) -> dict[str, tuple[Stretch, ...]]:
    """Return the stretches in which each host was watched, as far as they reach the window."""
    watched: dict[str, list[Stretch]] = defaultdict(list)
    asked = []
    for host in hosts:
        if host.watched_since:
            since, until = open_stretch(host, end, now)
            # Hosts that were watched all through the window have the same stretch.
            watched[host.pk].append(Stretch(max(since, start), until))
        if host.watched_since is None or host.watched_since > start:
            asked.append(host.pk)
    for host_id, *stretch in _past(asked, start) if asked else ():
        watched[host_id].append(Stretch(*stretch))
    return {host_id: tuple(stretches) for host_id, stretches in watched.items()}


def _past(hosts: list[str], start: datetime) -> Iterable[tuple[str, datetime, datetime]]:
    """Return the ended stretches of hosts that reach beyond a time, the newest first."""
    # Each host's last stretch from before may reach into the window. Two reads by the index.
    running = Coverage.objects.filter(host=OuterRef("pk"), started_at__lte=start)
    before = Host.objects.filter(pk__in=hosts).values_list(Subquery(running.values("pk")[:1]))
    columns = ("host", "started_at", "ended_at")
    rows = (
        Coverage.objects.filter(host__in=hosts, started_at__gt=start)
        .order_by()
        .values_list(*columns)
        .union(Coverage.objects.filter(pk__in=before).order_by().values_list(*columns), all=True)
        .order_by("-started_at")
    )
    return rows[:MOST_ROWS]
