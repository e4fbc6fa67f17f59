"""What is asked of the reservations that hold."""

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from django.apps import apps
from django.db import models
from django.db.models import Aggregate, Exists, OuterRef, Q

from portatlas.contexts.reservations.values import EVERY_HOST


class AppendOnlyError(TypeError):
    """History was to be changed. It is written once and never again; see `retention`."""

    def __init__(self) -> None:
        super().__init__("A line of history is written once, and neither changed nor deleted.")


class Place(NamedTuple):
    """Where ports are looked for: the ports of one protocol of a host, or of every host."""

    host_id: str
    protocol: str


class Together(Aggregate):
    """The values of all rows in one, which is read in half the time."""

    function = "JSON_GROUP_ARRAY"
    allow_distinct = True
    output_field = models.Field()  # JSON on SQLite, on PostgreSQL a list

    def as_postgresql(self, compiler, connection, **context):
        return super().as_sql(compiler, connection, function="ARRAY_AGG", **context)


def numbers(rows: models.QuerySet, within: range, *, is_one_each: bool = False) -> list[int]:
    """Return the ports of a range that some rows are about, each once, in one statement."""
    of_range = rows.order_by().filter(port__gte=within.start, port__lt=within.stop)
    together = Together("port", distinct=not is_one_each)  # to compare them takes half as long
    found = of_range.aggregate(ports=together)["ports"] or []
    return json.loads(found) if isinstance(found, str) else found


class ReservationQuerySet(models.QuerySet):
    def run_out(self, at: datetime):
        return self.filter(expires_at__lte=at)

    def holding(self, at: datetime):
        """Leave out what has run out, whether it was released for that already or not."""
        return self.exclude(expires_at__lte=at)

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

    def numbers(self, place: Place, within: range) -> list[int]:
        """Return the ports of a range that are reserved at a place."""
        return numbers(self.at(place), within, is_one_each=place.host_id != EVERY_HOST)


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
