"""
Whether a port is held by somebody else than it is reserved for, as SQL over a fact.

A reservation names whom it is for by columns of a fact, or by a process: then it is for that
and for all that descend from it. Of a port whose owner can't be seen nothing is said.
"""

from django.db.models import BooleanField, Exists, F, Func, OuterRef, Q
from django.db.models.lookups import IsNull

from collector.sweep import OwnerState
from portatlas.contexts.reservations.models import HOLDER, Reservation
from portatlas.contexts.reservations.values import EVERY_HOST

# The columns of a fact that decide it.
OF_FACT = ("current_pid", "pids", "ancestors", *HOLDER)


class IsOneOf(Func):
    """`IsOneOf(pid, pids, ancestors)`: whether a process is one of those, by their JSON."""

    arity = 3
    output_field = BooleanField()

    def as_sqlite(self, compiler, connection, **context):
        return self._as(
            "({0} IN (SELECT value FROM json_each({1})) "
            "OR {0} IN (SELECT json_extract(value, '$.pid') FROM json_each({2})))",
            compiler,
        )

    def as_postgresql(self, compiler, connection, **context):
        return self._as(
            "({1} @> to_jsonb({0}) OR {2} @> jsonb_build_array(jsonb_build_object('pid', {0})))",
            compiler,
        )

    def _as(self, template, compiler):
        sql, values = zip(*map(compiler.compile, self.get_source_expressions()), strict=True)
        pid, pids, ancestors = values
        return template.format(*sql), (*pid, *pids, *pid, *ancestors)


class Violated(Exists):
    """Whether somebody else holds the port of the fact that is asked about."""

    def __init__(self):
        super().__init__(_about().filter(_is_another()))


def is_reserved() -> Exists:
    """Return whether somebody has reserved the port of the fact that is asked about."""
    return Exists(_about())


def _about():
    return Reservation.objects.order_by().filter(
        host_id__in=[OuterRef("host_id"), EVERY_HOST],
        protocol=OuterRef("protocol"),
        port=OuterRef("port"),
    )


def _is_another() -> Q:
    found = Q(
        ~Q(IsOneOf(F("pid"), OuterRef("pids"), OuterRef("ancestors"))), IsNull(F("pid"), False)
    )
    for name in HOLDER:
        found |= ~Q(**{name: ""}) & ~Q(**{name: OuterRef(name)})
    return found


def violated() -> Q:
    """Return whether a port is listening, by whom is known, and that it is another."""
    # What costs least comes first: databases stop at what is not so.
    return Q(current_state="active", owner_state=OwnerState.KNOWN) & Q(Violated())
