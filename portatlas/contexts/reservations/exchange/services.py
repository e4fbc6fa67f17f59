"""Reservations out of the database and into it: all of a file, or nothing."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Max, Q

from portatlas.contexts.reservations import history, lock, services
from portatlas.contexts.reservations.exchange import past, plan, remarks
from portatlas.contexts.reservations.exchange.document import Document
from portatlas.contexts.reservations.exchange.plan import Conflict, Ours, key
from portatlas.contexts.reservations.exchange.rows import KEY, RESERVATION, RULE, Row
from portatlas.contexts.reservations.models import (
    AllocationRule,
    Reservation,
    ReservationEvent,
)
from portatlas.contexts.reservations.portions import MOST, portions
from portatlas.contexts.reservations.services import Actor
from portatlas.contexts.reservations.values import EVERY_HOST

WHY = "import"
REWRITTEN = [*(name for name in RESERVATION.columns if name not in KEY), "version"]

Action = ReservationEvent.Action


class Plan(NamedTuple):
    """
    What an import would do with the reservations, rules, lines and teams that are not there yet.

    `run_out` are those in its way that nobody has any more; `others` is how many reservations the
    file doesn't name, which stay as they are.
    """

    new: list[Row]
    conflicts: list[Conflict]
    same: int
    run_out: list[Ours]
    others: int
    rules: list[Row]
    teams: list[str]
    history: list[Row]
    remarks: tuple[str, ...]


class ConflictsError(Exception):
    """Nothing was written: `plan` has conflicts, and nothing may be replaced."""

    def __init__(self, found: Plan):
        super().__init__("Nothing was written.")
        self.plan = found


def collect(*, project: str | None = None, with_history: bool = True) -> Document:
    """
    Return what is reserved at one moment, all of it or of one project, and the rules.

    Meanwhile nobody reserves; the history, which only grows, is read when it is asked for.
    """
    reserved, told = Reservation.objects.order_by(), ReservationEvent.objects.all()
    if project is not None:
        reserved, told = reserved.filter(project=project), told.filter(project=project)
    with transaction.atomic():
        lock.take()
        found = reserved.values_list(*RESERVATION.columns).iterator(chunk_size=MOST)
        reservations = sorted(map(RESERVATION.row, found), key=key)
        rules = [
            rule
            for rule in _rules()
            if project is None or fnmatchcase(project, rule.get("project", ""))
        ]
        last = told.aggregate(last=Max("pk"))["last"] or 0
    lines = past.lines(told.filter(pk__lte=last)) if with_history else None
    return Document(reservations, rules, lines)


def look(content: Document, at: datetime) -> Plan:
    """Return what writing this would do; a constant number of statements for each `MOST` rows."""
    compared = plan.joined(
        plan.compare(some, _ours(some, at)) for some in portions(content.reservations)
    )
    met = {each.pk for each in compared.run_out}
    met |= {each.pk for conflict in compared.conflicts for each in conflict.ours}
    there = _rules()
    known_rules = set(map(_frozen, there))
    rules = [row for row in content.rules if _frozen(row) not in known_rules]
    named = {row["team"] for row in rules if "team" in row}
    known = Group.objects.filter(name__in=named).values_list("name", flat=True)
    teams = sorted(named.difference(known))
    wanted = [*compared.new, *(conflict.row for conflict in compared.conflicts)]
    return Plan(
        compared.new,
        compared.conflicts,
        compared.same,
        compared.run_out,
        Reservation.objects.count() - compared.same - len(met),
        rules,
        teams,
        past.missing(content.history or ()),
        (
            *content.remarks,
            *remarks.of_rules(wanted, [*there, *rules]),
            *remarks.of_time(wanted, at),
            *remarks.of_teams(teams),
        ),
    )


@transaction.atomic
def write(content: Document, *, replace: bool, by: Actor, at: datetime) -> Plan:
    """
    Write what a file says: what is new, and with `replace` what differs.

    What the file doesn't name stays as it is. Its history is taken over; beyond that lines are
    written for what it doesn't tell: whom it replaces, whose terms are others now, and what is
    reserved anew. Raises ConflictsError where something differs and nothing may be replaced.
    """
    lock.take()
    found = look(content, at)
    if found.conflicts and not replace:
        raise ConflictsError(found)
    renewed = [conflict for conflict in found.conflicts if conflict.differences]
    replaced = [conflict for conflict in found.conflicts if not conflict.differences]
    _end(found.run_out, at=at, why=history.RAN_OUT)
    _end([ours for each in replaced for ours in each.ours], at=at, by=by.name, why=WHY)
    past.write(found.history)
    untold = _untold(found.new, has_history=content.history is not None)
    for some in portions([*found.new, *(each.row for each in replaced)]):
        Reservation.objects.bulk_create([Reservation(**row) for row in some])
    _rewrite(renewed)
    told = {"at": at, "by": by.name, "why": WHY}
    for some in portions([*untold, *(each.row for each in replaced)]):
        history.write([history.reserved(Reservation(**row), **told) for row in some])
    for some in portions(renewed):
        history.write(
            [
                history.line(
                    Action.RENEWED, Reservation(**each.row), **told, changes=_changes(each)
                )
                for each in some
            ]
        )
    _write_rules(found)
    return found


def _rules() -> list[Row]:
    """Return the rules that there are, each once, in an order of their own."""
    columns = ["team__name" if name == "team" else name for name in RULE.columns]
    found = {
        tuple(value or "" for value in row)
        for row in AllocationRule.objects.order_by().values_list(*columns)
    }
    return [RULE.row(values) for values in sorted(found)]


def _frozen(rule: Row) -> frozenset[tuple[str, Any]]:
    return frozenset(rule.items())


def _ours(some: Sequence[Row], at: datetime) -> list[Ours]:
    """Return what is reserved of the ports that rows name: for the same host, or every host."""
    hosts = {row["host_id"] for row in some}
    there = Q(
        host_id__in={*hosts, EVERY_HOST},
        protocol__in={row["protocol"] for row in some},
        port__in={row["port"] for row in some},
    )
    if EVERY_HOST in hosts:
        there |= Q(port__in={row["port"] for row in some if row["host_id"] == EVERY_HOST})
    found = Reservation.objects.filter(there).order_by()
    ours = []
    for pk, version, *values in found.values_list("pk", "version", *RESERVATION.columns):
        row = RESERVATION.row(values)
        until = row.get("expires_at")
        ours.append(Ours(pk, version, row, until is not None and until <= at))
    return ours


def _end(ended: Iterable[Ours], *, at: datetime, why: str, by: str = "") -> None:
    """Release what stands in the way; a port of every host may stand in the way of many."""
    for pks in portions([*{each.pk for each in ended}]):
        services.end(Reservation.objects.filter(pk__in=pks), at=at, by=by, why=why)


def _untold(new: Sequence[Row], *, has_history: bool) -> list[Row]:
    """
    Return those of which the history doesn't say that they hold.

    Where it says nothing of a port at all, a file with a history has forgotten it.
    """
    holders = past.holders([key(row) for row in new])
    return [
        row
        for row in new
        if holders.get(key(row), row["project"] if has_history else "") != row["project"]
    ]


def _rewrite(renewed: Sequence[Conflict]) -> None:
    for some in portions(renewed):
        Reservation.objects.bulk_create(
            [Reservation(**each.row, version=each.ours[0].version + 1) for each in some],
            update_conflicts=True,
            unique_fields=KEY,
            update_fields=REWRITTEN,
        )


def _changes(renewed: Conflict) -> dict[str, list[Any]]:
    rows = renewed.ours[0].row, renewed.row
    return {
        name: [row.get(name, RESERVATION.columns[name].default) for row in rows]
        for name, _ours, _theirs in renewed.differences
    }


def _write_rules(found: Plan) -> None:
    Group.objects.bulk_create([Group(name=name) for name in found.teams])
    names = {row["team"] for row in found.rules if "team" in row}
    teams = {group.name: group for group in Group.objects.filter(name__in=names)}
    AllocationRule.objects.bulk_create(
        [AllocationRule(**{**row, "team": teams.get(row.get("team", ""))}) for row in found.rules]
    )
