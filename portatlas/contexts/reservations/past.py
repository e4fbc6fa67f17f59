"""Which reserved ports were held by somebody else at a time, as their history tells it."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import Exists, OuterRef, Q

from portatlas.contexts.reservations.models import ReservationEvent
from portatlas.contexts.reservations.services import Key
from portatlas.contexts.reservations.values import EVERY_HOST

Action = ReservationEvent.Action

# What ends it. To renew a reservation makes nobody else's port its own.
OTHERWISE = (Action.RESERVED, Action.RELEASED, Action.IN_USE, Action.FREED)


def violated(moment: datetime, among: Collection[Key] | None = None) -> set[Key]:
    """
    Return the ports of hosts that were held by somebody else at a moment, in one query.

    `among` are those that are asked about, None for all. Of a port of every host it is the one
    host on which that was seen.
    """
    lines = ReservationEvent.objects.order_by().filter(at__lte=moment)
    if among is not None:
        hosts, numbers = {key[0] for key in among}, {key[2] for key in among}
        lines = lines.filter(host_id__in={*hosts, EVERY_HOST}, port__in=numbers)
    same = {name: OuterRef(name) for name in ("host_id", "protocol", "port")}
    later = Q(at__gt=OuterRef("at")) | Q(at=OuterRef("at"), pk__gt=OuterRef("pk"))
    ended = ReservationEvent.objects.order_by().filter(later, **same, at__lte=moment)
    found = lines.filter(~Exists(ended.filter(action__in=OTHERWISE)), action=Action.VIOLATED)
    return set(found.values_list("seen_on", "protocol", "port"))
