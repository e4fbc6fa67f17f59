"""Reservations counted: of each project and of all, by how their ports stand."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple, Self

from django.db.models import Count, Min

from portatlas.bookings import Status
from portatlas.models import Booking

ACTIVE = (Status.IN_USE, Status.VIOLATED)  # something listens there
COUNTED = tuple(status for status in Status if status != Status.FREE)


class Counts(NamedTuple):
    """How many ports are reserved, by how they stand, and when the first of them is released."""

    by_status: Counter[str]
    runs_out: datetime | None = None

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
        every = list(every)
        ends = [each.runs_out for each in every if each.runs_out]
        return cls(sum((each.by_status for each in every), Counter()), min(ends, default=None))


def by_project(at: datetime, named: str = "") -> dict[str, Counts]:
    """Count the ports of each project whose name contains `named`, by name, in one statement."""
    bookings = Booking.objects.holding(at)
    if named:
        bookings = bookings.filter(project__icontains=named)
    rows = (
        bookings.with_status(at)
        .order_by("project")
        .values_list("project", "stands")
        .annotate(Count("pk"), Min("expires_at"))
    )
    found: dict[str, list[Counts]] = {}
    for project, status, ports, first in rows:
        found.setdefault(project, []).append(Counts(Counter({status: ports}), first))
    return {project: Counts.of(each) for project, each in found.items()}
