"""What was on a port at some time: whether it listened, from when to when, and who held it."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Self

from django.db.models import Max, Min, Q

from collector.models import Coverage, HostEvent, PortEvent
from portatlas import presence
from portatlas.intervals import Interval, Look, Stretch, intervals
from portatlas.models import Port
from portatlas.presence import Presence

MOST_EVENTS = 2_000  # that are undone to tell who held a port

TO_COME = "That is still to come."
BEFORE_ALL_LOOKS = "Nobody had looked at the host yet."
UNWATCHED = "Nobody was looking at the host."
DELETED = "What happened to the port at that time has been deleted since."
NOT_SEEN_YET = "The port had not been seen yet."
TOO_MUCH = (
    f"More than {MOST_EVENTS:,} things happened to the port since: it is not told who had it."
)


class Holder(NamedTuple):
    """Who held a port: text that processes chose, and the PID if it is known of that time."""

    process_name: str
    cmdline: str
    exe: str
    user: str
    unit: str
    container: str
    container_name: str
    image: str
    current_pid: int | None

    @classmethod
    def of(cls, port: Port) -> Self:
        return cls(*(getattr(port, name) for name in cls._fields))

    def before(self, changes: dict[str, list]) -> Self:
        """Return who it was before these changes, each a field to [old, new]."""
        return self._replace(**{name: changes[name][0] for name in self._fields if name in changes})


@dataclass(frozen=True, slots=True)
class Past:
    """
    What is known of a port at one moment.

    `since` and `until` bound the time in which it was so without a break; None where that
    began before anybody looked, or has not ended. `holder` is who held it, or had held it
    last; None where nobody did, or where it can't be told. `reason` says why something is
    not known, in a sentence, "" if nothing is missing.
    """

    moment: datetime
    look: Look
    since: datetime | None = None
    until: datetime | None = None
    holder: Holder | None = None
    reason: str = ""


def whole(port: Port, since: datetime, now: datetime) -> Presence:
    """Return what a port was from then until now, in three queries at most. Needs its host."""
    kept = _kept_since(now)
    found = presence.presences([port], start=since, end=now, now=now, kept_since=kept)
    return found[port.pk]


def at(port: Port, moment: datetime, now: datetime) -> Past:
    """Return what was on a port at a moment, in eight queries at most. Needs its host."""
    if moment > now:
        return Past(moment, Look.UNKNOWN, reason=TO_COME)
    stretch, next_start = _stretch(port, moment, now)
    if stretch is None:
        return Past(moment, Look.UNKNOWN, until=next_start, reason=BEFORE_ALL_LOOKS)
    kept = _kept_since(now)
    interval = _interval(port, moment, stretch, next_start or now, kept)
    holder, reason = _holder(port, moment, kept)
    if interval.look == Look.UNKNOWN:
        reason = DELETED if stretch.start <= moment <= stretch.end else UNWATCHED
    has_ended = next_start or interval.end < now
    until = interval.end if has_ended else None
    return Past(moment, interval.look, interval.start, until, holder, reason)


def _kept_since(now: datetime) -> datetime:
    """Return the time of the oldest event of any port: what was before may have been deleted."""
    oldest = PortEvent.objects.order_by("timestamp").values_list("timestamp", flat=True)
    return oldest.first() or now


def _stretch(port: Port, moment: datetime, now: datetime) -> tuple[Stretch | None, datetime | None]:
    """Return the last stretch of a host that began by then, and when the next one did."""
    host = port.host
    if host.watched_since and host.watched_since <= moment:
        return presence.open_stretch(host, now, now), None
    stretches = Coverage.objects.filter(host=host).values_list("started_at", "ended_at")
    last = stretches.filter(started_at__lte=moment).order_by("-started_at", "-pk").first()
    later = stretches.filter(started_at__gt=moment).order_by("started_at").first()
    return Stretch(*last) if last else None, later[0] if later else None


def _interval(
    port: Port, moment: datetime, stretch: Stretch, end: datetime, kept: datetime
) -> Interval:
    """Return the interval around a moment, of those from the start of a stretch to the end."""
    rows = port.events.transitions().values_list("timestamp", "event_type", "cause")
    around = (
        rows.filter(timestamp__lte=moment).order_by("-timestamp", "-pk").first(),
        rows.filter(timestamp__gt=moment).order_by("timestamp", "pk").first(),
    )
    was_up, transitions = presence.course(
        port,
        [presence.transition(*row) for row in around if row],
        stretch.start,
        presence.known(port, kept, stretch.start),
    )
    found = intervals(
        start=stretch.start, end=end, watched=[stretch], transitions=transitions, was_up=was_up
    )
    touching = [each for each in found if each.start <= moment <= each.end]
    # Of a moment on the border, what was seen then speaks, not that nobody looked after it.
    return max(touching, key=lambda each: (each.look != Look.UNKNOWN, each.start, each.end))


def _holder(port: Port, moment: datetime, kept: datetime) -> tuple[Holder | None, str]:
    """
    Return who held a port, or why that can't be told.

    It is today's holder, with what the events since then changed undone, the newest first.
    """
    if moment < port.first_seen_at:
        return None, NOT_SEEN_YET
    if moment < kept and port.first_seen_at < kept:
        return None, DELETED
    newer = list(
        port.events.filter(timestamp__gt=moment)
        .exclude(event_type=PortEvent.Type.ALIVE)
        .order_by("timestamp", "pk")
        .values_list("timestamp", "changes")[: MOST_EVENTS + 1]
    )
    if len(newer) > MOST_EVENTS:
        return None, TOO_MUCH
    holder = Holder.of(port)
    for _, changes in reversed(newer):
        holder = holder.before(changes)
    next_at = newer[0][0] if newer else None
    return holder._replace(current_pid=_pid(port, moment, holder, next_at)), ""


def _pid(port: Port, moment: datetime, holder: Holder, next_at: datetime | None) -> int | None:
    """
    Return the PID as of a moment: what the last event by then said, `alive` among them.

    Unless the host rebooted in between, for a port is resumed without an event. Then it is
    what the next event undoes, or today's, if no other reboot comes before that.
    """
    last = port.events.filter(timestamp__lte=moment).values_list("timestamp", "pid").first()
    boots = port.host.events.filter(event_type=HostEvent.Type.REBOOTED).aggregate(
        last=Max("timestamp", filter=Q(timestamp__lte=moment)),
        next=Min("timestamp", filter=Q(timestamp__gt=moment)),
    )
    if last and (boots["last"] is None or last[0] >= boots["last"]):
        return last[1]
    if boots["next"] is None or (next_at and next_at <= boots["next"]):
        return holder.current_pid
    return None
