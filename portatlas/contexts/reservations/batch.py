"""Many reservations at once, as somebody has read them: released, or renewed for a while."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import F

from portatlas.contexts.reservations import history, lock, services
from portatlas.contexts.reservations.models import Reservation, ReservationEvent
from portatlas.contexts.reservations.services import Actor, revision


class Done(NamedTuple):
    """What was done with how many, and what was left alone because somebody was faster."""

    written: list[Reservation]
    changed: list[Reservation]  # by somebody else meanwhile
    gone: int  # released, or run out


@transaction.atomic
def release(read: Collection[str], *, by: Actor, at: datetime, why: str = "") -> Done:
    """
    Release what is still as it was read, in a number of statements that does not grow.

    `read` are revisions, as `services.revision` has them.
    """
    found = _found(read, at)
    same = Reservation.objects.filter(pk__in=[each.pk for each in found.written])
    services.end(same, at=at, by=by.name, why=why)
    return found


@transaction.atomic
def renew(read: Collection[str], *, until: datetime, by: Actor, at: datetime) -> Done:
    """
    Renew what is still as it was read: none of it runs out before `until`.

    What lasts longer keeps its end. `read` are revisions; the number of statements does not grow.
    """
    found = _found(read, at)
    lines = []
    for each in found.written:
        ended, each.renewed_at, each.version = each.expires_at, at, each.version + 1
        if ended and ended < until:
            each.expires_at = until
        changes = {"expires_at": [ended, until]} if each.expires_at != ended else {}
        line = history.line(
            ReservationEvent.Action.RENEWED, each, at=at, by=by.name, changes=changes
        )
        lines.append(line)
    rows = Reservation.objects.filter(pk__in=[each.pk for each in found.written])
    rows.filter(expires_at__lt=until).update(expires_at=until)
    rows.update(renewed_at=at, version=F("version") + 1)
    history.write(lines)
    return found


def _found(read: Collection[str], at: datetime) -> Done:
    lock.take()
    rows = Reservation.objects.filter(pk__in=[key(each) for each in read])
    there = [each for each in rows if not each.has_run_out(at)]
    same = [each for each in there if revision(each) in read]
    changed = [each for each in there if revision(each) not in read]
    return Done(same, changed, len(read) - len(there))


def is_revision(text: str) -> bool:
    """
    Whether a text from outside could be a revision.

    >>> [is_revision(text) for text in ("12.3", "12", "12.x", "")]
    [True, False, False, False]
    """
    parts = text.split(".")
    return len(parts) == 2 and all(
        part.isascii() and part.isdecimal() and len(part) < 19 for part in parts
    )


def key(revision: str) -> int:
    """
    Return the primary key that a revision is of.

    >>> key("12.3")
    12
    """
    return int(revision.partition(".")[0])
