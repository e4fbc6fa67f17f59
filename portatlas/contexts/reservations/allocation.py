"""The allocation rules as they are kept, and what a rule means beside the others."""

from django.contrib.auth.models import User
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
    every = in_force()
    others = _plain(AllocationRule.objects.exclude(pk=rule.pk))
    teams = _teams()
    columns = ("host_id", "protocol", "project", "requested_by", "port")
    count = 0
    for host_id, protocol, project, who, port in _there(
        rule, Reservation.objects.order_by()
    ).values_list(*columns):
        of_team = teams.get(who.partition(" (")[0], frozenset())  # a token says whose it is
        claim = Claim(host_id, protocol, project, of_team)
        if rules.refusal(every, claim, port) and not rules.refusal(others, claim, port):
            count += 1
    return count


def _plain(found: QuerySet[AllocationRule]) -> list[Rule]:
    return [Rule(row[0], row[1] or "", *row[2:]) for row in found.values_list(*COLUMNS)]


def _there(rule: AllocationRule, rows: QuerySet) -> QuerySet:
    """Keep what is where the rule holds; `*` is every host, and no protocol is both."""
    if rule.host_id != EVERY_HOST:
        rows = rows.filter(host_id__in=[rule.host_id, EVERY_HOST])
    if rule.protocol:
        rows = rows.filter(Q(protocol=rule.protocol) | Q(protocol=""))
    return rows


def _teams() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for name, team in User.objects.filter(groups__isnull=False).values_list(
        "username", "groups__name"
    ):
        found.setdefault(name, set()).add(team)
    return {name: frozenset(teams) for name, teams in found.items()}
