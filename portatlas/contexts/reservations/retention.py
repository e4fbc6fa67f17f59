"""How long the history of reservations is kept. What is reserved always stays."""

from datetime import datetime

from portatlas.contexts.reservations.models import ReservationEvent
from portatlas.contexts.reservations.querysets import HistoryQuerySet

PRUNED_AT_ONCE = 5_000  # lines


def lines_before(moment: datetime) -> HistoryQuerySet:
    """Return what `prune` would delete."""
    return ReservationEvent.objects.outdated(moment).order_by("at", "pk")


def prune(moment: datetime) -> int:
    """
    Delete the lines before a moment and return how many, as HistoryQuerySet.outdated() has it.

    In batches with a transaction each, so that whoever reserves gets a turn in between.
    """
    count, outdated = 0, lines_before(moment)
    while batch := list(outdated.values_list("pk", "at")[:PRUNED_AT_ONCE]):
        count += ReservationEvent.objects.filter(pk__in=[pk for pk, _at in batch]).forget()
        # What is older is kept, and not looked at again.
        outdated = lines_before(moment).filter(at__gte=batch[-1][1])
    return count
