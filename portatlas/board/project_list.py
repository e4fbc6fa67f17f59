"""The projects that have ports reserved: how many, how these stand, and the ranges they have."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

from django.urls import reverse

from portatlas.bookings import Status
from portatlas.contexts.reservations.models import AllocationRule
from portatlas.contexts.reservations.values import EVERY_HOST
from portatlas.reserved import until
from portatlas.reserving.booking_tally import Counts, by_project

MOST_RULES = 1_000  # that are read
MOST_SPANS = 10  # that are told of a project


@dataclass(slots=True)
class Project:
    """A project in the list: its ports by their status."""

    name: str
    counts: Counts
    ends: str  # when the first of them is released
    ranges: tuple[str, ...] = ()

    @property
    def link(self) -> str:
        return reverse("project", args=[self.name])

    @property
    def violated(self) -> int:
        return self.counts.by_status[Status.VIOLATED.value]

    @property
    def in_use(self) -> int:
        return self.counts.by_status[Status.IN_USE.value]

    @property
    def stale(self) -> int:
        return self.counts.by_status[Status.STALE.value]

    @property
    def place(self) -> tuple:
        """Its place in the list: those whose ports others hold first, then by name."""
        return not self.violated, self.name.casefold(), self.name


def projects(now: datetime, named: str = "") -> list[Project]:
    """Return the projects whose name contains `named`, in their order, in one statement."""
    found = [
        Project(name, counts, until(counts.runs_out, now).removeprefix("until "))
        if counts.runs_out
        else Project(name, counts, "")
        for name, counts in by_project(now, named).items()
    ]
    return sorted(found, key=lambda each: each.place)


def give_ranges(found: Sequence[Project]) -> None:
    """Tell projects the ranges that the rules give them, in one statement."""
    given = ranges(each.name for each in found)
    for project in found:
        project.ranges = given[project.name]


def ranges(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the ranges that the rules give to projects, by their names, in one statement."""
    by_pattern: dict[str, list[str]] = defaultdict(list)
    for rule in AllocationRule.objects.exclude(project="")[:MOST_RULES]:
        by_pattern[rule.project].append(span(rule))
    return {name: tuple(_of(name, by_pattern.items()))[:MOST_SPANS] for name in names}


def span(rule: AllocationRule) -> str:
    """Say which ports a rule is about, and where."""
    ports = str(rule.first) if rule.first == rule.last else f"{rule.first}-{rule.last}"
    protocol = f"/{rule.protocol}" if rule.protocol else ""
    return f"{ports}{protocol}" + ("" if rule.host_id == EVERY_HOST else f" on {rule.host_id}")


def _of(name: str, patterns: Iterable[tuple[str, list[str]]]) -> Iterable[str]:
    for pattern, spans in patterns:
        if fnmatchcase(name, pattern):
            yield from spans
