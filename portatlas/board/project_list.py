"""The projects that have ports reserved: how many, how these stand, and the ranges they have."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase

from django.db.models import Count, Min, Q
from django.urls import reverse

from portatlas.bookings import Status
from portatlas.contexts.reservations.models import AllocationRule
from portatlas.contexts.reservations.values import EVERY_HOST
from portatlas.models import Booking
from portatlas.reserved import until

MOST_RULES = 1_000  # that are read
MOST_SPANS = 10  # that are told of a project


@dataclass(slots=True)
class Project:
    """A project in the list: its ports by their status."""

    name: str
    counts: dict[str, int] = field(default_factory=dict)
    runs_out: datetime | None = None  # when the first of them is released
    ranges: tuple[str, ...] = ()
    ends: str = ""

    @property
    def link(self) -> str:
        return reverse("project", args=[self.name])

    @property
    def ports(self) -> int:
        return sum(self.counts.values())

    @property
    def violated(self) -> int:
        return self.counts.get(Status.VIOLATED, 0)

    @property
    def in_use(self) -> int:
        return self.counts.get(Status.IN_USE, 0)

    @property
    def stale(self) -> int:
        return self.counts.get(Status.STALE, 0)

    @property
    def place(self) -> tuple:
        """Its place in the list: those whose ports others hold first, then by name."""
        return not self.violated, self.name.casefold(), self.name


def holding(now: datetime) -> Q:
    """Return whether a reservation has not run out."""
    return Q(expires_at__isnull=True) | Q(expires_at__gt=now)


def projects(now: datetime, named: str = "") -> list[Project]:
    """Return the projects whose name contains `named`, in their order, in one statement."""
    rows = Booking.objects.filter(holding(now))
    if named:
        rows = rows.filter(project__icontains=named)
    counted = (
        rows.with_status(now)
        .order_by()
        .values_list("project", "stands")
        .annotate(Count("pk"), Min("expires_at"))
    )
    found: dict[str, Project] = {}
    for name, status, count, first in counted:
        project = found.setdefault(name, Project(name))
        project.counts[status] = count
        if first and (project.runs_out is None or first < project.runs_out):
            project.runs_out, project.ends = first, until(first, now).removeprefix("until ")
    return sorted(found.values(), key=lambda each: each.place)


def give_ranges(found: Sequence[Project]) -> None:
    """Tell projects the ranges that the rules give them, in one statement."""
    by_pattern: dict[str, list[str]] = defaultdict(list)
    for rule in AllocationRule.objects.exclude(project="")[:MOST_RULES]:
        by_pattern[rule.project].append(span(rule))
    for project in found:
        project.ranges = tuple(_of(project.name, by_pattern.items()))[:MOST_SPANS]


def span(rule: AllocationRule) -> str:
    """Say which ports a rule is about, and where."""
    ports = str(rule.first) if rule.first == rule.last else f"{rule.first}-{rule.last}"
    protocol = f"/{rule.protocol}" if rule.protocol else ""
    return f"{ports}{protocol}" + ("" if rule.host_id == EVERY_HOST else f" on {rule.host_id}")


def _of(name: str, patterns: Iterable[tuple[str, list[str]]]) -> Iterable[str]:
    for pattern, spans in patterns:
        if fnmatchcase(name, pattern):
            yield from spans
