"""The allocation rules as they are kept, and what a rule means beside the others."""

from collections import defaultdict
from collections.abc import Callable
from functools import cache

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db.models import Q, QuerySet

from portatlas.contexts.reservations import rules
from portatlas.contexts.reservations.models import AllocationRule, Reservation
from portatlas.contexts.reservations.rules import Claim, Rule
from portatlas.contexts.reservations.values import EVERY_HOST

COLUMNS = ("project", "team__name", "host_id", "protocol", "first", "last", "reason")


def in_force() -> list[Rule]:
    """Return every rule, in one query."""
    return _plain(AllocationRule.objects.all())


def overlapping(rule: AllocationRule) -> QuerySet[AllocationRule]:
    """Return the other rules that give away some of the same ports."""
    found = AllocationRule.objects.exclude(pk=rule.pk).select_related("team")
    return _there(rule, found).filter(first__lte=rule.last, last__gte=rule.first)


def refused_by(rule: AllocationRule) -> int:
    """
    Count the reservations that hold and would be refused for this rule, which is saved.

    In which team somebody is who reserved a port is what is known of him today.
    """
    [this] = _plain(AllocationRule.objects.filter(pk=rule.pk))
    others = _plain(AllocationRule.objects.exclude(pk=rule.pk))
    teams = cache(teams_of())
    columns = ("host_id", "protocol", "project", "requested_by", "port")
    held = _there(rule, Reservation.objects.order_by()).values_list(*columns)
    claims = (
        (Claim(host_id, protocol, project, teams(who)), port)
        for host_id, protocol, project, who, port in held.iterator()
    )
    return rules.newly_refused(this, others, claims)


def teams_of() -> Callable[[str], frozenset[str]]:
    """Return what tells in which teams somebody is today, by who a reservation says asked."""
    found = defaultdict(set)
    members = Group.objects.filter(user__isnull=False)
    for name, team in members.values_list(f"user__{get_user_model().USERNAME_FIELD}", "name"):
        found[name].add(team)
    # What acts for a user is named behind him, as a token is.
    return lambda who: frozenset(found.get(who.partition(" (")[0], ()))


def _plain(found: QuerySet[AllocationRule]) -> list[Rule]:
    return [Rule(row[0], row[1] or "", *row[2:]) for row in found.values_list(*COLUMNS)]


def _there(rule: AllocationRule, rows: QuerySet) -> QuerySet:
    """Keep what is where the rule holds; `*` is every host, and no protocol is both."""
    if rule.host_id != EVERY_HOST:
        rows = rows.filter(host_id__in=[rule.host_id, EVERY_HOST])
    if rule.protocol:
        rows = rows.filter(Q(protocol=rule.protocol) | Q(protocol=""))
    return rows
