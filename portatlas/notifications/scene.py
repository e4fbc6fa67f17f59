"""What names the state of all facts, notes and reservations, read in one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Self

from django.db.models import BigIntegerField, IntegerField, QuerySet, Subquery

from collector.models import Host, PortEvent
from notes.models import PortNote
from portatlas.contexts.reservations.models import ReservationEvent
from portatlas.notifications.conditions import OVERLAP


class Count(Subquery):
    """How many rows a query has."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS lines)"
    output_field = IntegerField()


@dataclass(frozen=True)
class Scene:
    """
    All hosts, and the numbers of the last event and of the last change of a note and of a
    reservation.

    Of two transactions the later one may have the lower numbers; so how many of the last numbers
    are taken counts, too.
    """

    hosts: Sequence[Host]
    last_event: int = 0
    last_note: int = 0
    last_reservation: int = 0
    taken_events: int = 0
    taken_notes: int = 0
    taken_reservations: int = 0

    @classmethod
    def read(cls) -> Self:
        events, notes = PortEvent.objects.all(), PortNote.history.all()
        reservations = ReservationEvent.objects.all()
        newest = {
            "last_event": _last(events),
            "last_note": _last(notes),
            "last_reservation": _last(reservations),
            "taken_events": Count(_newest(events)),
            "taken_notes": Count(_newest(notes)),
            "taken_reservations": Count(_newest(reservations)),
        }
        hosts = list(Host.objects.annotate(**newest))
        found = {name: getattr(host, name) or 0 for host in hosts[:1] for name in newest}
        return cls(hosts, **found)

    @cached_property
    def name(self) -> str:
        """
        What differs when a port may be in another state, but for what the clock decides.

        A host whose last look left something open has no digest; so each look at it counts.
        """
        told = [
            (host.pk, host.digest, host.unsettled, host.watched_since, host.verdict)
            + (() if host.digest else (host.last_look_at,))
            for host in self.hosts
        ]
        last = self.last_event, self.last_note, self.last_reservation
        taken = self.taken_events, self.taken_notes, self.taken_reservations
        whole = repr((told, last, taken))
        return blake2b(whole.encode(), digest_size=16).hexdigest()


def _last(lines: QuerySet) -> Subquery:
    return Subquery(lines.order_by("-pk").values("pk")[:1], output_field=BigIntegerField())


def _newest(lines: QuerySet) -> QuerySet:
    """Return the lines that have one of the last numbers."""
    # The limit makes PostgreSQL read an index backwards, however long the history is.
    newest = lines.filter(pk__gt=_last(lines) - OVERLAP).order_by("-pk")
    return newest.values("pk")[:OVERLAP]
