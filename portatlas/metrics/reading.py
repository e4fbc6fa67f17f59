"""What a scrape reads: everything that the metrics tell, in a fixed number of statements."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import Count

from collector.models import Host
from notes.models import PortNote
from portatlas.celery import app
from portatlas.metrics import queues
from portatlas.tally import Tally, tally

SIZES = {
    "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
    "postgresql": "SELECT pg_database_size(current_database())",
}


@dataclass(frozen=True)
class Reading:
    """The atlas in numbers, as it was at the time of a scrape."""

    hosts: list[Host]
    ports: Tally
    notes: dict[str, int]  # by risk
    database_size: int  # bytes
    queues: dict[str, int] | None  # messages by queue; None if the broker is away


def read(at: datetime) -> Reading:
    """Read it in six statements."""
    hosts = list(Host.objects.all())
    return Reading(
        hosts=hosts,
        ports=tally(at, hosts),
        notes=_notes(),
        database_size=_database_size(),
        queues=queues.depths(app),
    )


def _notes() -> dict[str, int]:
    counted = PortNote.objects.order_by().values_list("risk_level").annotate(Count("pk"))
    return dict.fromkeys(PortNote.RiskLevel.values, 0) | dict(counted)


def _database_size() -> int:
    with connection.cursor() as cursor:
        cursor.execute(SIZES[connection.vendor])
        return cursor.fetchone()[0]
