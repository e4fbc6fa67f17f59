"""What is asked of the reservations that hold."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from django.apps import apps
from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Window
from django.db.models.functions import Lead

from portatlas.contexts.reservations.values import EVERY_HOST


class AppendOnlyError(TypeError):
    """History was to be changed. It is written once and never again; see `retention`."""

    def __init__(self) -> None:
        super().__init__("A line of history is written once, and neither changed nor deleted.")


class Place(NamedTuple):
    """Where ports are looked for: the ports of one protocol of a host, or of every host."""

    host_id: str
    protocol: str


class ReservationQuerySet(models.QuerySet):
    def run_out(self, at: datetime):
        return self.filter(expires_at__lte=at)

    def about(self, key: tuple[str, str, int]):
        """Keep what stands in the way of a reservation of this port: its own, or every host's."""
        host_id, protocol, port = key
        return self.at(Place(host_id, protocol)).filter(port=port)

    def at(self, place: Place):
        """Keep what is reserved at a place. For every host that is what any host has."""
        of_protocol = self.filter(protocol=place.protocol)
        if place.host_id == EVERY_HOST:
            return of_protocol
        return of_protocol.filter(host_id__in=[place.host_id, EVERY_HOST])

    def about_any(self, keys: Iterable[tuple[str, str, int]]):
        """Keep what speaks of any of these ports, in one statement: its own, or every host's."""
        numbers = defaultdict(set)
        for host_id, protocol, port in keys:
            numbers[Place(host_id, protocol)].add(port)
            numbers[Place(EVERY_HOST, protocol)].add(port)
        found = Q(pk__in=[])
        for place, ports in numbers.items():
            found |= Q(**place._asdict(), port__in=ports)
        return self.filter(found)

    def gaps(self, place: Place, within: range) -> list[range]:
        """
        Return the ports of a range that are not reserved, as ranges, in two statements.

        The database compares neighbours: what is read grows with the gaps, not with what is taken.
        """
        first, end = within.start, within.stop
        taken = self.at(place).filter(port__gte=first, port__lt=end).order_by("port")
        lowest = taken.values_list("port", flat=True).first()
        if lowest is None:
            return [within]
        following = Window(Lead("port", default=end), order_by="port")
        found = (
            taken.order_by()
            .annotate(following=following)
            .filter(Q(following__gt=F("port") + 1))
            .values_list("port", "following")
        )
        gaps = [range(port + 1, following) for port, following in sorted(found)]
        return [range(first, lowest), *gaps] if lowest > first else gaps


class HistoryQuerySet(models.QuerySet):
    """Lines of history, which are added and read."""

    def update(self, **values):
        raise AppendOnlyError

    update.alters_data = True

    def bulk_update(self, *args, **kwargs):
        raise AppendOnlyError

    bulk_update.alters_data = True

    def delete(self):
        raise AppendOnlyError

    delete.alters_data = True
    delete.queryset_only = True

    def outdated(self, before: datetime):
        """
        Keep what history may forget: the lines before a moment.

        Of a port that is still reserved the newest line is not among them, however old it is.
        """
        same = {name: OuterRef(name) for name in ("host_id", "protocol", "port")}
        later = Q(at__gt=OuterRef("at")) | Q(at=OuterRef("at"), pk__gt=OuterRef("pk"))
        newer = self.model.objects.order_by().filter(later, **same)
        reserved = apps.get_model("reservations", "Reservation").objects.order_by().filter(**same)
        return self.filter(Exists(newer) | ~Exists(reserved), at__lt=before)

    def forget(self) -> int:
        """Delete lines for good and return how many. For `retention` alone."""
        return super().delete()[0]

    forget.alters_data = True
    forget.queryset_only = True
