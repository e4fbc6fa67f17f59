"""How long history is kept. Ports, hosts, coverage and notes always stay."""

from datetime import datetime

from django.db.models import QuerySet

from collector.models import HostEvent, PortEvent, Transient

PRUNED_AT_ONCE = 5_000  # events


def events_before(moment: datetime) -> list[QuerySet]:
    """Return what `prune` would delete: events of ports and of hosts, lines of the journal."""
    return [
        PortEvent.objects.filter(timestamp__lt=moment).order_by("timestamp"),
        HostEvent.objects.filter(timestamp__lt=moment).order_by("timestamp"),
        Transient.objects.filter(closed_at__lt=moment).order_by("pk"),
    ]


def prune(moment: datetime) -> int:
    """
    Delete the events before a moment and return how many. Nothing else is ever deleted.

    In batches with a transaction each, so that sweeps get their turn in between.
    """
    count = 0
    for events in events_before(moment):
        while batch := list(events.values_list("pk", flat=True)[:PRUNED_AT_ONCE]):
            count += events.model.objects.filter(pk__in=batch).delete()[0]
    return count
