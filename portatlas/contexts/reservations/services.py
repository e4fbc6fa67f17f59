"""Write reservations: they are made, renewed and released here, with who did it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.forms.models import model_to_dict

from portatlas.contexts.reservations import alike, allocation, history, lock, refusals, rules
from portatlas.contexts.reservations.finding import Free, NoneFreeError
from portatlas.contexts.reservations.models import (
    HOLDER,
    Reservation,
    ReservationEvent,
)
from portatlas.contexts.reservations.querysets import Place
from portatlas.contexts.reservations.rules import Claim
from portatlas.contexts.reservations.values import named

MOST = 1_000  # ports that are requested at once
LONGEST_NAME = Reservation._meta.get_field("requested_by").max_length

# What one says of a reservation; the rest follows from it and from when and by whom it was made.
TERMS = (
    *("project", "description", "tags", "metadata", "expires_at", "auto_release"),
    *HOLDER,
    *("pid", "pid_started_at", "pid_seen_in"),
)

Action = ReservationEvent.Action
Key = tuple[str, str, int]  # host, protocol, port


class RefusedError(Exception):
    """A port can't be reserved; nothing was written. The message says why, and what to do."""


class TakenError(RefusedError):
    """Somebody has reserved the port already; `taken` are the reservations in the way."""

    def __init__(self, message: str, taken: Iterable[Reservation]):
        super().__init__(message)
        self.taken = tuple(taken)


class NotReservedError(Exception):
    """The port is not reserved, or no more as it was read; nothing was written."""


class Actor(NamedTuple):
    """Who does it, by name, and the teams that he is in."""

    name: str
    teams: frozenset[str] = frozenset()

    @classmethod
    def of(cls, user, *, through: str = "") -> "Actor":
        """Return a user as who does it; `through` is what acts for him, as a token does."""
        teams = frozenset(user.groups.values_list("name", flat=True))
        means = f" ({through})" if through else ""
        return cls(user.get_username()[: LONGEST_NAME - len(means)] + means, teams)


@dataclass(frozen=True)
class Request:
    """
    How many free ports a project asks for, and where.

    `within` are the ports to choose from; else they are those of the project or team by the
    rules, or the usual ones. `avoid` returns the ports of a range that are not free though nobody
    has reserved them, by the reason; `is_usable` is asked of those that would be taken, last of
    all.
    """

    place: Place
    project: str
    usual: range
    count: int = 1
    within: range | None = None
    near: int | None = None
    adjacent: bool = False
    terms: Mapping[str, Any] = field(default_factory=dict)
    avoid: Callable[[range], Mapping[str, Iterable[int]]] = lambda within: {}
    is_usable: Callable[[int], bool] = lambda port: True


@transaction.atomic
def reserve(wanted: Reservation, *, by: Actor, at: datetime) -> Reservation:
    """
    Reserve a port. What its project has reserved already is renewed, with what is said beside.

    Raises TakenError if another project has it, RefusedError if a rule gives it to somebody else,
    ValidationError for what cannot be.
    """
    wanted.requested_by, wanted.reserved_at = by.name, at
    _raise_unless_right(wanted, at)
    lock.take()
    _release_run_out(at)
    in_the_way = list(Reservation.objects.about(wanted.key))
    if [each.key for each in in_the_way] == [wanted.key] and (
        in_the_way[0].project == wanted.project
    ):
        said = {name: getattr(wanted, name) for name in TERMS if getattr(wanted, name)}
        return _renew(in_the_way[0], said, by=by, at=at)
    if in_the_way:
        raise TakenError(refusals.taken(in_the_way), in_the_way)
    _raise_unless_allowed(_claim(wanted, by), wanted.port)
    wanted.save(force_insert=True)
    history.write([history.reserved(wanted, at=at, by=by.name)])
    return wanted


@transaction.atomic
def request(wanted: Request, *, by: Actor, at: datetime) -> list[Reservation]:
    """
    Find free ports and reserve them, all or none, so that nobody else can get one of them.

    The number of statements does not depend on how many there are. Raises RefusedError with a
    sentence where there are not as many, ValidationError for what cannot be.
    """
    place = wanted.place
    new = Reservation(
        host_id=place.host_id,
        protocol=place.protocol,
        port=1,  # until some are found
        requested_by=by.name,
        reserved_at=at,
        **{**wanted.terms, "project": wanted.project},
    )
    _raise_unless_right(new, at)
    lock.take()
    _release_run_out(at)
    ports = find(wanted, by=by)
    alike.insert(new, ports)
    alike.insert(history.reserved(new, at=at, by=by.name), ports)
    reserved = Reservation.objects.filter(host_id=place.host_id, protocol=place.protocol)
    keys = reserved.filter(port__in=ports).order_by("port").values_list("port", "pk")
    return alike.copies(new, dict(keys))


def find(wanted: Request, *, by: Actor) -> list[int]:
    """Return free ports, which are nobody's until they are reserved. Raises RefusedError."""
    place = wanted.place
    claim = Claim(*place, wanted.project, by.teams)
    ranges = rules.allowed(allocation.in_force(), claim, wanted.within, wanted.usual)
    if not ranges:
        mine = rules.own(allocation.in_force(), claim)
        owners = rules.owners(allocation.in_force(), claim, wanted.within or wanted.usual)
        raise RefusedError(refusals.nowhere(wanted.project, mine, owners))
    span = range(ranges[0].start, ranges[-1].stop)
    taken = {"reserved": Reservation.objects.numbers(place, span)} | wanted.avoid(span)
    free = Free(ranges)
    left_out = {reason: free.leave_out(ports) for reason, ports in taken.items()}
    try:
        return free.choose(
            wanted.count, near=wanted.near, adjacent=wanted.adjacent, is_usable=wanted.is_usable
        )
    except NoneFreeError as exc:
        row = wanted.adjacent and wanted.count > 1
        said = refusals.too_few(wanted.count, ranges, left_out, len(exc.found), is_row=row)
        raise RefusedError(said) from exc


def refusal(key: Key, project: str, *, by: Actor) -> str:
    """Say why the rules don't give a port to a project, "" if they do."""
    host_id, protocol, port = key
    return rules.refusal(allocation.in_force(), Claim(host_id, protocol, project, by.teams), port)


@transaction.atomic
def renew(
    key: Key, said: Mapping[str, Any], *, by: Actor, at: datetime, seen: str | None = None
) -> Reservation:
    """
    Say a reservation anew: `said` are those of its terms that are others now.

    `seen` is the revision that was read, None to renew whatever is there. Raises
    NotReservedError, RefusedError and ValidationError.
    """
    lock.take()
    return _renew(_found(key, seen, at), said, by=by, at=at)


@transaction.atomic
def release(
    key: Key, *, by: Actor, at: datetime, why: str = "", seen: str | None = None
) -> Reservation:
    """Release a port. Raises NotReservedError."""
    lock.take()
    reservation = _found(key, seen, at)
    end(Reservation.objects.filter(pk=reservation.pk), at=at, by=by.name, why=why)
    return reservation


@transaction.atomic
def release_project(project: str, *, by: Actor, at: datetime) -> int:
    """Release all that a project has reserved, and return how many ports that were."""
    lock.take()
    return end(Reservation.objects.filter(project=project), at=at, by=by.name)


def end(ended: QuerySet[Reservation], *, at: datetime, by: str = "", why: str = "") -> int:
    """
    Delete reservations that the caller has locked, and tell their history why.

    In three statements, however many there are. Returns that number.
    """
    if not ended.exists():
        return 0
    line = history.line(Action.RELEASED, Reservation(), at=at, by=by, why=why)
    alike.insert_about(line, ended, ("host_id", "protocol", "port", "project"))
    return ended.delete()[0]


def revision(reservation: Reservation) -> str:
    """Return what tells a reservation from what it was, and from another of the same port."""
    return f"{reservation.pk}.{reservation.version}"


def not_reserved(key: Key, at: datetime) -> str:
    """Say that a port is not reserved itself, and by whom it is elsewhere, which also takes it."""
    others = list(Reservation.objects.about(key).holding(at)[:2])
    if not others:
        return f"{named(key)} is not reserved."
    first, more = others[0], ", and not there alone" if others[1:] else ""
    return f"{named(key)} is not reserved itself: {first.project} has {named(first.key)}{more}."


def _found(key: Key, seen: str | None, at: datetime) -> Reservation:
    host_id, protocol, port = key
    found = Reservation.objects.filter(host_id=host_id, protocol=protocol, port=port).first()
    if found is None or found.has_run_out(at):
        raise NotReservedError(not_reserved(key, at))
    if seen is not None and seen != revision(found):
        raise NotReservedError(f"Somebody else changed the reservation of {named(key)} meanwhile.")
    return found


def _renew(
    reservation: Reservation, said: Mapping[str, Any], *, by: Actor, at: datetime
) -> Reservation:
    before = model_to_dict(reservation, TERMS)
    for name, value in said.items():
        setattr(reservation, name, value)
    _raise_unless_right(reservation, at)
    if reservation.project != before["project"]:
        _raise_unless_allowed(_claim(reservation, by), reservation.port)
    reservation.renewed_at = at
    reservation.version += 1
    reservation.save()
    changes = {
        name: [value, getattr(reservation, name)]
        for name, value in before.items()
        if value != getattr(reservation, name)
    }
    line = history.line(Action.RENEWED, reservation, at=at, by=by.name, changes=changes)
    history.write([line])
    return reservation


def _raise_unless_right(reservation: Reservation, at: datetime) -> None:
    """Raise ValidationError for what cannot be, or could be but for a moment."""
    reservation.full_clean(validate_unique=False, validate_constraints=False)
    if reservation.has_run_out(at):
        raise ValidationError({"expires_at": "That is over: say a time to come."})


def _release_run_out(at: datetime) -> None:
    end(Reservation.objects.run_out(at), at=at, why=history.RAN_OUT)


def _claim(wanted: Reservation, by: Actor) -> Claim:
    return Claim(wanted.host_id, wanted.protocol, wanted.project, by.teams)


def _raise_unless_allowed(claim: Claim, port: int) -> None:
    if why := rules.refusal(allocation.in_force(), claim, port):
        raise RefusedError(why)
