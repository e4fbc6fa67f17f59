"""
What was on ports at some time: whether they listened, from when to when, who held them, what
their notes said, and in which state they were.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery

from collector.models import Coverage, Host, PortEvent
from notes import past as notes_past
from portatlas import happenings, presence
from portatlas.contexts.reservations.past import violated
from portatlas.hindsight import Judge, Stood
from portatlas.holders import DELETED, Holder, holders
from portatlas.intervals import Interval, Look, Stretch, Transition, intervals
from portatlas.models import Port
from portatlas.presence import Presence

TO_COME = "That is still to come."
BEFORE_ALL_LOOKS = "Nobody had looked at the host yet."
UNWATCHED = "Nobody was looking at the host."

AWAITED = "It was awaited: it had not been seen again since a reboot, or since nobody looked."

TOLD = ("timestamp", "event_type", "cause")  # of a transition


@dataclass(frozen=True, slots=True)
class Past:
    """
    What is known of a port at one moment.

    `since` and `until` bound the time in which it was so without a break; None where that
    began before anybody looked, or has not ended. `holder` is who held it, or had held it
    last; None where nobody did, or where it can't be told. `note` is the line of history that
    then spoke for the port, None if there was none. `stood` tells its state and why; it is None
    where that can't be told. `reason` says why something is not known, or odd, in a sentence,
    "" if there is nothing to say.
    """

    moment: datetime
    look: Look
    since: datetime | None = None
    until: datetime | None = None
    holder: Holder | None = None
    note: Any | None = None
    stood: Stood | None = None
    reason: str = ""


def whole(port: Port, since: datetime, now: datetime) -> Presence:
    """Return what a port was from then until now, in three queries at most. Needs its host."""
    kept = kept_since(now)
    found = presence.presences([port], start=since, end=now, now=now, kept_since=kept)
    return found[port.pk]


def at(port: Port, moment: datetime, now: datetime) -> Past:
    """Return what was on a port at a moment, in nine queries at most. Needs its host."""
    return of_all([port], moment, now)[port.pk]


def of_all(ports: Sequence[Port], moment: datetime, now: datetime) -> dict[int, Past]:
    """
    Return what was on ports at a moment, by primary key. Needs their hosts.

    In nine queries at most, however many ports; the queries name each of them, so they are the
    ports of a page.
    """
    if moment > now:
        return {port.pk: Past(moment, Look.UNKNOWN, reason=TO_COME) for port in ports}
    kept = kept_since(now)
    stretches = stretches_at({port.host for port in ports}, moment, now)
    around, happened = _around(ports, moment), happenings.of_some(ports, moment)
    held = holders(ports, moment, kept, happened)
    notes = notes_past.about((port.port for port in ports), moment)
    keys = {port.pk: (port.host_id, port.protocol, port.port) for port in ports}
    others = violated(moment, among=keys.values())
    judge = Judge(moment, kept, happened)
    found = {}
    for port in ports:
        key = keys[port.pk]
        note = notes_past.speaking(notes, key)
        stretch, next_start = stretches[port.host_id]
        if stretch is None:
            found[port.pk] = Past(
                moment, Look.UNKNOWN, until=next_start, note=note, reason=BEFORE_ALL_LOOKS
            )
            continue
        transitions = around.get(port.pk, [])
        interval = _interval(port, moment, stretch, next_start or now, transitions, kept)
        holder, reason = held[port.pk]
        stood = None
        if interval.look == Look.UNKNOWN:
            reason = DELETED if stretch.start <= moment <= stretch.end else UNWATCHED
        elif holder:
            later = [each for each in transitions if each.time > moment]
            was_active = not later[0].is_up if later else port.is_active
            stood, reason = judge.judge(
                port, was_active=was_active, held=holder, note=note, is_violated=key in others
            )
            if stood and was_active and interval.look == Look.DOWN:
                reason = AWAITED
        has_ended = next_start or interval.end < now
        found[port.pk] = Past(
            moment,
            interval.look,
            interval.start,
            interval.end if has_ended else None,
            holder,
            note,
            stood,
            reason,
        )
    return found


def kept_since(now: datetime) -> datetime:
    """Return the time of the oldest event of any port: what was before may have been deleted."""
    oldest = PortEvent.objects.order_by("timestamp").values_list("timestamp", flat=True)
    return oldest.first() or now


def stretches_at(
    hosts: Iterable[Host], moment: datetime, now: datetime
) -> dict[str, tuple[Stretch | None, datetime | None]]:
    """Return the last stretch of each host that began by then, and when the next one did."""
    found: dict[str, tuple[Stretch | None, datetime | None]] = {}
    asked = []
    for host in hosts:
        if host.watched_since and host.watched_since <= moment:
            found[host.pk] = presence.open_stretch(host, now, now), None
        else:
            asked.append(host.pk)
    if not asked:
        return found
    of_host = Coverage.objects.filter(host=OuterRef("pk"))
    last = of_host.filter(started_at__lte=moment).order_by("-started_at", "-pk")
    later = of_host.filter(started_at__gt=moment).order_by("started_at")
    rows = Host.objects.filter(pk__in=asked).values_list(
        "pk", _first(last, "started_at"), _first(last, "ended_at"), _first(later, "started_at")
    )
    for pk, *ends, next_start in rows:
        found[pk] = Stretch(*ends) if ends[0] else None, next_start
    return found


def _of_port(**asked) -> QuerySet:
    """Return transitions of the port that a query is about."""
    return PortEvent.objects.transitions().filter(port_runtime=OuterRef("pk"), **asked)


def _first(rows: QuerySet, name: str) -> Subquery:
    return Subquery(rows.values(name)[:1])


def _around(ports: Iterable[Port], moment: datetime) -> dict[int, list[Transition]]:
    """Return the last transition of each port by a moment, and the next one."""
    last = _of_port(timestamp__lte=moment).order_by("-timestamp", "-pk")
    following = _of_port(timestamp__gt=moment).order_by("timestamp", "pk")
    columns = [_first(which, name) for which in (last, following) for name in TOLD]
    rows = Port.objects.filter(pk__in=[port.pk for port in ports]).order_by()
    rows = rows.values_list("pk", *columns)
    return {
        pk: [presence.transition(*each) for each in (row[:3], row[3:]) if each[0]]
        for pk, *row in rows
    }


def _interval(  # noqa: PLR0913  # what is known of one port around one moment
    port: Port,
    moment: datetime,
    stretch: Stretch,
    end: datetime,
    around: list[Transition],
    kept: datetime,
) -> Interval:
    """Return the interval around a moment, of those from the start of a stretch to the end."""
    was_up, transitions = presence.course(
        port, around, stretch.start, presence.known(port, kept, stretch.start)
    )
    found = intervals(
        start=stretch.start, end=end, watched=[stretch], transitions=transitions, was_up=was_up
    )
    touching = [each for each in found if each.start <= moment <= each.end]
    # Of a moment on the border, what was seen then speaks, not that nobody looked after it.
    return max(touching, key=lambda each: (each.look != Look.UNKNOWN, each.start, each.end))
