"""
What a port is when fact and memory are read together: seven states, each with its reason.

The rules stand in one table, tried from the top; the first that fits speaks. They are
computed when read, in one SQL expression, and stored nowhere.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Case, F, Q, SmallIntegerField, TextChoices, Value, When

from collector.sweep import Scope

SETTLED = timedelta(hours=1)  # up for so long, a trusted port is healthy
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


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table: when it fits, which state it means and why."""

    severity: int  # unique; a lower number is more urgent, so it sorts the board
    state: PortState
    reason: str
    when: Callable[[datetime], Q]


ACTIVE = Q(current_state="active")
GONE = Q(current_state="disappeared")
NOTED = Q(note__isnull=False)

WIDER_THAN_NOTED = Q()
for _width, _allowed in enumerate(Scope, start=1):
    WIDER_THAN_NOTED |= Q(note__expected_scope=_allowed, scope__in=list(Scope)[_width:])

# Measured to the last sweep: nobody knows how long a port is up that nobody looks at.
# After a boot nothing is, and what has not come back yet still has its old `active_since`.
SETTLED_FOR_LONG = Q(active_since__lte=F("host__last_sweep_at") - SETTLED) & ~Q(
    host__unsettled="boot"
)

RULES = (
    Rule(
        10,
        PortState.SUSPICIOUS,
        "its note says suspicious",
        lambda at: ACTIVE & Q(note__risk_level="suspicious"),
    ),
    Rule(
        11,
        PortState.SUSPICIOUS,
        "nobody holds it and nobody wrote it down",
        lambda at: ACTIVE & ~NOTED & Q(owner_state="unknown"),
    ),
    Rule(
        12,
        PortState.SUSPICIOUS,
        "it listens wider than its note allows",
        lambda at: ACTIVE & WIDER_THAN_NOTED,
    ),
    Rule(
        20,
        PortState.FLAPPING,
        "it came or went four times within the last hour",
        # Not after it: a clock may have been wrong, and set back since.
        lambda at: Q(transition_4_at__gte=at - FLAPPING_WINDOW, transition_4_at__lte=at),
    ),
    Rule(
        30,
        PortState.GHOST,
        "its note expects it, but it is gone",
        lambda at: GONE & Q(note__risk_level__in=["trusted", "expected"]),
    ),
    Rule(
        60,
        PortState.HEALTHY,
        "trusted, and up for an hour or more",
        lambda at: ACTIVE & Q(note__risk_level="trusted") & SETTLED_FOR_LONG,
    ),
    Rule(50, PortState.KNOWN, "it has a note", lambda at: ACTIVE & NOTED),
    Rule(40, PortState.UNNOTED, "it has no note", lambda at: ACTIVE),
    Rule(70, PortState.GONE, "it disappeared, and no note expects it", lambda at: GONE),
)
BY_SEVERITY = {rule.severity: rule for rule in RULES}


def severity(at: datetime) -> Case:
    """Return the severity of a port at that time as an SQL expression over fact and note."""
    return Case(
        *(When(rule.when(at), then=Value(rule.severity)) for rule in RULES),
        output_field=SmallIntegerField(),
    )


def severities(*states: str) -> list[int]:
    """Return the severities that mean one of these states."""
    return [rule.severity for rule in RULES if rule.state in states]
