"""
What becomes of reservations when facts change: used, free again, held by somebody else, released.

The collector's own events lead here, and once a minute everything is looked at again, so that
nothing is missed for good. Only what facts say counts: a look that failed changes none of them.
"""

from datetime import datetime

from django.db import transaction

from portatlas.contexts.reservations import history, lease, lock, services
from portatlas.contexts.reservations.models import Reservation, ReservationEvent

Action = ReservationEvent.Action
Observed = Reservation.Observed


@transaction.atomic
def look_after(at: datetime, *, here: str) -> int:
    """Release what has run out, or whose process on this machine has ended; return how many."""
    lock.take()
    run_out = list(Reservation.objects.run_out(at))
    services.end(run_out, at=at, why=history.RAN_OUT)
    leased = Reservation.objects.filter(host_id=here, pid__isnull=False)
    ended = [each for each in leased if lease.has_ended(each.pid, each.pid_started_at)]
    services.end(ended, at=at, why=history.ENDED)
    return len(run_out) + len(ended)
