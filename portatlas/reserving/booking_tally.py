"""Reservations counted: of each project and of all, by how their ports stand."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple, Self

from django.db.models import Count

from portatlas.bookings import Status
from portatlas.models import Booking

ACTIVE = (Status.IN_USE, Status.VIOLATED)  # something listens there
COUNTED = tuple(status for status in Status if status != Status.FREE)


class Counts(NamedTuple):
    """How many ports are reserved, by how they stand."""

    by_status: Counter[str]

    @property
    def ports(self) -> int:
        return self.by_status.total()

    @property
    def active(self) -> int:
        """On how many something listens."""
        return sum(self.by_status[status.value] for status in ACTIVE)

    @property
    def sentence(self) -> str:
        """Say how they stand, as `3 in-use, 1 stale`."""
        counts = ((self.by_status[status.value], status.value) for status in COUNTED)
        return ", ".join(f"{count:,} {status}" for count, status in counts if count)

    def as_json(self) -> dict[str, Any]:
        counts = {status.value: self.by_status[status.value] for status in COUNTED}
        return {"ports": self.ports, "active": self.active, "by_status": counts}

    @classmethod
    def of(cls, every: Iterable["Counts"]) -> Self:
        return cls(sum((each.by_status for each in every), Counter()))


def by_project(at: datetime) -> dict[str, Counts]:
    """Count the ports of each project, by its name, in one statement."""
    rows = (
        Booking.objects.with_status(at)
        .exclude(expires_at__lte=at)
        .order_by("project")
        .values_list("project", "stands")
        .annotate(ports=Count("pk"))
    )
    found: dict[str, Counts] = {}
    for project, status, ports in rows:
        found.setdefault(project, Counts(Counter())).by_status[status] = ports
    return found
