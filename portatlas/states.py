"""
What a port is when fact and memory are read together: seven states, each with its reason.

The rules stand in one table, tried from the top; the first that fits speaks. What of them does
not depend on time is a port's *rank*, one SQL expression over fact and note; the database keeps
it in an index (standing.py). `severity` lays over it, when read, what the clock decides.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import (
    Case,
    F,
    FloatField,
    Func,
    Q,
    SmallIntegerField,
    TextChoices,
    Value,
    When,
)
from django.db.models.lookups import GreaterThanOrEqual

from collector.sweep import Scope
from portatlas.violation import violated

SETTLED = timedelta(hours=1)  # up for so long, a trusted port is healthy
STAYED = timedelta(hours=1)  # up for so long, an ephemeral UDP socket is a server
FLAPPING_WINDOW = timedelta(hours=1)  # the fourth-last transition within it means flapping


class PortState(TextChoices):
    """The states, the most urgent first."""

    SUSPICIOUS = "suspicious"
    FLAPPING = "flapping"
    GHOST = "ghost"
    UNNOTED = "unnoted"
    KNOWN = "known"
    HEALTHY = "healthy"
    GONE = "gone"

    @property
    def meaning(self) -> str:
        return MEANINGS[self]


MEANINGS = {
    PortState.SUSPICIOUS: "look now",
    PortState.FLAPPING: "comes and goes",
    PortState.GHOST: "expected, but missing",
    PortState.UNNOTED: "nobody has explained it yet",
    PortState.KNOWN: "explained",
    PortState.HEALTHY: "known and well",
    PortState.GONE: "history",
}


class Seconds(Func):
    """`Seconds(end, start)`: what lies between, 0 where one is unknown. Every connection has it."""

    arity = 2
    output_field = FloatField()

    def as_sqlite(self, compiler, connection, **context):
        # A day as a float is exact to 40 microseconds, and an hour shall be an hour.
        return self.as_sql(
            compiler,
            connection,
            template="COALESCE(ROUND((julianday(%(expressions)s)) * 86400, 3), 0)",
            arg_joiner=") - julianday(",
            **context,
        )

    def as_postgresql(self, compiler, connection, **context):
        template = "COALESCE(EXTRACT(EPOCH FROM (%(expressions)s)), 0)"
        return self.as_sql(compiler, connection, template=template, arg_joiner=" - ", **context)


def lasted(end: str, span: timedelta, since: str = "active_since") -> GreaterThanOrEqual:
    """Return whether a port had been up for a span at the time in a column."""
    return GreaterThanOrEqual(Seconds(F(end), F(since)), Value(span.total_seconds()))


@dataclass(frozen=True, slots=True)
class Rule:
    """
    One row of the table: when it fits, which state it means and why.

    Without a condition it is laid over the others when read, see `severity`.
    """

    severity: int  # unique; a lower number is more urgent, so it sorts the board
    state: PortState
    reason: str
    when: Q | None = None


ACTIVE = Q(current_state="active")
GONE = Q(current_state="disappeared")
NOTED = Q(note__isnull=False)
# An unconnected UDP socket on an ephemeral port looks the same whether a program has just asked
# a name server or WireGuard listens there (N36, N37). Two things tell a server: somebody wrote a
# note about it, or it stayed, for no client waits so long for its answer.
CLIENT = Q(is_client=True) & ~NOTED

WIDER_THAN_NOTED = Q()
for _width, _allowed in enumerate(Scope, start=1):
    WIDER_THAN_NOTED |= Q(note__expected_scope=_allowed, scope__in=list(Scope)[_width:])

NOBODYS = "nobody holds it and nobody wrote it down"
ANOTHERS = "it is reserved for another program than the one that holds it"
UNNOTED = "it has no note"
UNEXPECTED = "it disappeared, and no note expects it"

RULES = (
    Rule(
        10,
        PortState.SUSPICIOUS,
        "its note says suspicious",
        ACTIVE & Q(note__risk_level="suspicious"),
    ),
    Rule(13, PortState.SUSPICIOUS, NOBODYS, ACTIVE & CLIENT & Q(owner_state="unknown")),
    Rule(11, PortState.SUSPICIOUS, NOBODYS, ACTIVE & ~NOTED & Q(owner_state="unknown")),
    Rule(
        12,  # ESCAPED
        PortState.SUSPICIOUS,
        "it listens wider than its note allows",
        ACTIVE & WIDER_THAN_NOTED,
    ),
    Rule(14, PortState.SUSPICIOUS, ANOTHERS, NOTED & violated()),
    Rule(15, PortState.SUSPICIOUS, ANOTHERS, ~NOTED & violated()),
    Rule(20, PortState.FLAPPING, "it came or went four times within the last hour"),
    Rule(
        30,
        PortState.GHOST,
        "its note expects it, but it is gone",
        GONE & Q(note__risk_level__in=["trusted", "expected"]),
    ),
    Rule(
        60,
        PortState.HEALTHY,
        "trusted, and up for an hour or more",
        ACTIVE & Q(note__risk_level="trusted"),
    ),
    Rule(55, PortState.KNOWN, "trusted, but not up for an hour yet"),
    Rule(50, PortState.KNOWN, "it has a note", ACTIVE & NOTED),
    Rule(41, PortState.UNNOTED, UNNOTED, ACTIVE & CLIENT),
    Rule(40, PortState.UNNOTED, UNNOTED, ACTIVE),
    # Of what is gone it is known for good whether it stayed.
    Rule(71, PortState.GONE, UNEXPECTED, GONE & CLIENT & ~Q(lasted("last_seen_at", STAYED))),
    Rule(70, PortState.GONE, UNEXPECTED, GONE),
)
BY_SEVERITY = {rule.severity: rule for rule in RULES}

ESCAPED = 12
URGENT = (10, 11, ESCAPED, 13, 14, 15)  # the ranks that flapping does not outdo
TRUSTED = 60
UNSETTLED_TRUSTED = 55
FLAPPING = 20
ACTIVE_CLIENTS = (13, 41)
GONE_CLIENT = 71
SAID = (10, 14, 15)  # the ranks that follow from what somebody said of a port
UNEXPLAINED = (11, 13, 15, 40, 41)  # the ranks of what listens and has no note
NOT_LISTENING = (30, 70, GONE_CLIENT)  # the ranks of what disappeared
NEVER_SEEN = 80  # a note without a fact


def rank() -> Case:
    """Return what of a port's severity the clock can't change, as SQL over fact and note."""
    return Case(
        *(When(rule.when, then=Value(rule.severity)) for rule in RULES if rule.when),
        output_field=SmallIntegerField(),
    )


def restless(at: datetime) -> Q:
    # Not after it: a clock may have been wrong, and set back since.
    return Q(transition_4_at__gte=at - FLAPPING_WINDOW, transition_4_at__lte=at)


def flapping(at: datetime) -> Q:
    return restless(at) & ~Q(standing__rank__in=URGENT)


def settled(since: str = "active_since") -> Q:
    """
    Whether a port is up for an hour, measured to the last sweep: nobody knows how long a port
    is up that nobody looks at. After a boot nothing is, and what has not come back yet still
    has its old `active_since`.
    """
    return Q(lasted("host__last_sweep_at", SETTLED, since)) & ~Q(host__unsettled="boot")


def client() -> Q:
    """Whether a port is taken for a client's: neither noted, nor did it stay."""
    up = Q(standing__rank__in=ACTIVE_CLIENTS) & ~Q(lasted("host__last_sweep_at", STAYED))
    return up | Q(standing__rank=GONE_CLIENT)


def severity(at: datetime) -> Case:
    """Return the severity of a port at that time as an SQL expression over its rank."""
    return Case(
        When(flapping(at), then=Value(FLAPPING)),
        default=calm_severity(),
        output_field=SmallIntegerField(),
    )


def calm_severity() -> Case:
    """Return the severity of a port if it did not flap."""
    return Case(
        When(Q(standing__rank=TRUSTED) & ~settled(), then=Value(UNSETTLED_TRUSTED)),
        default=F("standing__rank"),
        output_field=SmallIntegerField(),
    )


def severities(*states: str) -> list[int]:
    """Return the severities that mean one of these states."""
    return [rule.severity for rule in RULES if rule.state in states]


def ranks(*states: str) -> tuple[list[int], list[int]]:
    """Return the ranks of which are all ports in these states, and what else those may be."""
    found = set(severities(*states))
    of_rank = {TRUSTED if each == UNSETTLED_TRUSTED else each for each in found}
    may_be = of_rank | {FLAPPING, UNSETTLED_TRUSTED}
    return sorted(of_rank), sorted(may_be - found)
