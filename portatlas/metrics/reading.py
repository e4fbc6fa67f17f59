"""What a scrape reads: everything that the metrics tell, in a fixed number of statements."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import Count, Manager, QuerySet

from collector.models import Host
from collector.retirement import present
from notes.models import PortNote
from portatlas.celery import app
from portatlas.metrics import queues
from portatlas.models import Booking
from portatlas.notifications.models import Delivery
from portatlas.reserving.booking_tally import COUNTED
from portatlas.silence import silences
from portatlas.tally import Tally, tally

SIZES = {
    "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
    "postgresql": "SELECT pg_database_size(current_database())",
}


@dataclass(frozen=True)
class Reading:
    """The atlas in numbers, as it was at the time of a scrape."""

    hosts: list[Host]  # those that are not retired
    silent: dict[str, datetime]  # since when, by host
    ports: Tally
    notes: dict[str, int]  # by risk
    reservations: dict[str, int]  # by how they stand
    deliveries: dict[str, int]  # in the log of notifications, by status
    database_size: int  # bytes
    queues: dict[str, int] | None  # messages by queue; None if the broker is away


def read(at: datetime) -> Reading:
    """Read it in eight statements."""
    every = list(Host.objects.all())
    hosts = present(every)
    return Reading(
        hosts=hosts,
        silent=silences(hosts, at),
        ports=tally(at, every),
        notes=_counted(PortNote.objects, "risk_level", PortNote.RiskLevel.values),
        reservations=_counted(Booking.objects.with_status(at).holding(at), "stands", COUNTED),
        deliveries=_counted(Delivery.objects, "status", Delivery.Status.values),
        database_size=_database_size(),
        queues=queues.depths(app),
    )


def _counted(rows: Manager | QuerySet, field: str, words: Iterable[str]) -> dict[str, int]:
    """Count rows by a field, those words that none has too."""
    counted = rows.order_by().values_list(field).annotate(Count("pk"))
    return dict.fromkeys(words, 0) | dict(counted)


def _database_size() -> int:
    with connection.cursor() as cursor:
        cursor.execute(SIZES[connection.vendor])
        return cursor.fetchone()[0]
