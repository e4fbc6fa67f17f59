"""
What becomes of reservations when facts change: used, free again, held by somebody else, released.

The collector's own events lead here, and once a minute everything is looked at again, so that
nothing is missed for good. Only what facts say counts: a look that failed changes none of them.
What is to be written is read once more under the lock; so nobody writes it twice, and nobody
waits while all is read.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery

from collector.sweep import OwnerState
from collector.timekeeping import ours
from portatlas.contexts.reservations import history, lease, lock, services
from portatlas.contexts.reservations.models import Reservation, ReservationEvent
from portatlas.contexts.reservations.portions import portions
from portatlas.contexts.reservations.values import EVERY_HOST
from portatlas.models import KEY, Booking, Port
from portatlas.violation import Violated

FEW_PORTS = 500  # of a sweep that are asked about by number; of more, all of its host is
AT_ONCE = 500  # reservations that are written in one transaction, so that others get a turn

Action = ReservationEvent.Action
Observed = Reservation.Observed

ACTIONS = {
    Observed.IN_USE: Action.IN_USE,
    Observed.VIOLATED: Action.VIOLATED,
    Observed.NOTHING: Action.FREED,
}


def follow(host_id: str, changed: Iterable[tuple[str, int]], *, at: datetime) -> int:
    """
    Tell the reservations of some ports of a host what facts say of them; return how many there
    were to be told.

    In one statement if there is none, else in a few for every 500.
    """
    numbers = {port for _protocol, port in changed}
    about = Booking.objects.filter(host_id__in=[host_id, EVERY_HOST])
    return _observe(about.filter(port__in=numbers) if len(numbers) <= FEW_PORTS else about, at)


def look_after(at: datetime, *, here: str) -> int:
    """
    Tell all reservations what facts say of them, and release those that have ended.

    These are what has run out, and what was leased to a process of this machine that has ended.
    Returns how many were told or released. Where nothing is reserved it costs next to nothing.
    """
    if not Reservation.objects.exists():
        return 0
    run_out = Reservation.objects.run_out(at)
    leased = Reservation.objects.filter(host_id=here, pid__isnull=False)
    return (
        _observe(Booking.objects.all(), at)
        + _release(run_out, lambda each: each.has_run_out(at), at=at, why=history.RAN_OUT)
        + _release(leased, _has_ended, at=at, why=history.ENDED)
    )


def _observe(about: QuerySet, at: datetime) -> int:
    untold = about.order_by().untold()
    found = list(untold.values_list("pk", flat=True))
    return sum(_tell(untold.filter(pk__in=some), at) for some in portions(found, AT_ONCE))


@transaction.atomic
def _tell(untold: QuerySet, at: datetime) -> int:
    """Write what facts say of reservations of which history does not tell that yet."""
    lock.take()
    rows = list(untold.with_witness().annotate(told_at=Subquery(_lines().values("at")[:1])))
    facts = (
        Port.objects.select_related("host")
        .annotate(was_anothers=Violated())
        .in_bulk({row.witness for row in rows if row.witness})
    )
    lines = [_line(row, facts.get(row.witness), at) for row in rows]
    history.write(lines)
    for seen in Observed:
        pks = [row.pk for row in rows if row.seen == seen]
        Reservation.objects.filter(pk__in=pks).update(observed=seen)
    over = [row.pk for row in rows if _is_over(row, facts.get(row.witness))]
    ended = Reservation.objects.filter(pk__in=over)
    services.end(ended, at=max([at, *(line.at for line in lines)]), why=history.UNHELD)
    return len(rows)


def _lines() -> QuerySet:
    """Return what history told of the port that a query is about, the last line first."""
    return ReservationEvent.objects.filter(**{name: OuterRef(name) for name in KEY})


def _line(row: Booking, fact: Port | None, at: datetime) -> ReservationEvent:
    action = ACTIONS[row.seen]
    if fact is None:  # it was deleted
        return history.line(action, row, at=at)
    return history.line(
        action,
        row,
        at=_when(row, fact, at),
        seen_on=fact.host_id,
        pid=fact.current_pid,
        program=fact.process_name,
        user=fact.user,
    )


def _when(row: Booking, fact: Port, at: datetime) -> datetime:
    """
    Return when it began to be so: the fact's own time, but nothing is so before it was reserved.

    Another program may have got the socket that was there; then its row changed at that time.
    """
    if row.told_at is None:
        return at
    times = [fact.active_since, fact.last_seen_at] if fact.is_active else [fact.last_disappeared_at]
    if not row.observed:
        times = times[:1]
    return next((time for time in times if time and time > row.told_at), row.told_at)


def _is_over(row: Booking, fact: Port | None) -> bool:
    """
    Whether the program that a reservation was for has used its port, and has ended.

    What was reserved or renewed after the port was seen last waits for the next one.
    """
    if not row.auto_release or (row.observed, row.seen) != (Observed.IN_USE, Observed.NOTHING):
        return False
    if fact is None or (fact.was_anothers and fact.owner_state == OwnerState.KNOWN):
        return False
    since = max(row.reserved_at, row.renewed_at or row.reserved_at)
    return ours(fact.last_disappeared_at, fact.host.clock_ahead) > since


def _release(
    which: QuerySet, has_ended: Callable[[Reservation], bool], *, at: datetime, why: str
) -> int:
    """Release those of some reservations that have ended, and return how many these are."""
    ended = [each.pk for each in which.order_by() if has_ended(each)]
    return sum(
        _end(which.filter(pk__in=batch), has_ended, at, why) for batch in portions(ended, AT_ONCE)
    )


@transaction.atomic
def _end(which: QuerySet, has_ended: Callable[[Reservation], bool], at: datetime, why: str) -> int:
    lock.take()
    ended = [each.pk for each in which if has_ended(each)]  # nobody has renewed it meanwhile
    return services.end(Reservation.objects.filter(pk__in=ended), at=at, why=why)


def _has_ended(leased: Reservation) -> bool:
    return lease.has_ended(leased.pid, leased.pid_started_at, leased.pid_seen_in)
