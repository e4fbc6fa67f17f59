"""A plan in words, and as values for scripts."""

from collections.abc import Iterator
from typing import Any

from portatlas.contexts.reservations.exchange.plan import Conflict, key
from portatlas.contexts.reservations.exchange.remarks import cut
from portatlas.contexts.reservations.exchange.rows import Row
from portatlas.contexts.reservations.exchange.services import Plan
from portatlas.contexts.reservations.values import named

LONGEST = 200  # characters of a value
MOST_NEW = 20  # new reservations that are named


def lines(plan: Plan, *, replaced: bool) -> Iterator[str]:
    """Yield the report: how much of what, the new reservations, each conflict, and the remarks."""
    yield sentence(plan, replaced=replaced)
    for row in plan.new[:MOST_NEW]:
        yield f"+ {named(key(row))}: {row['project']}"
    if len(plan.new) > MOST_NEW:
        yield f"+ and {len(plan.new) - MOST_NEW} more"
    for conflict in plan.conflicts:
        mark = "~" if replaced else "!"
        yield f"{mark} {named(key(conflict.row))}, in the file {_by(conflict.row)}:"
        for said in _told(conflict):
            yield f"    {said}"
    yield from cut(plan.remarks, "more remarks.")


def sentence(plan: Plan, *, replaced: bool) -> str:
    """Say how many reservations are new, differ, are the same, and are not in the file."""
    what = "replaced" if replaced else "in conflict"
    said = (
        f"Reservations: {len(plan.new)} new, {len(plan.conflicts)} {what}, {plan.same} the same, "
        f"{plan.others} not in the file, which stay."
    )
    more = {"rules": len(plan.rules), "history": len(plan.history)}
    return said + "".join(f" New {name}: {number}." for name, number in more.items() if number)


def as_values(plan: Plan, *, outcome: str, replaced: bool) -> dict[str, Any]:
    """Return the report as values of JSON. `outcome` is written, dry run or conflicts."""
    return {
        "outcome": outcome,
        "replaced": replaced,
        "same": plan.same,
        "others": plan.others,
        "new": [_named(row) for row in plan.new],
        "conflicts": [
            _named(conflict.row)
            | {
                "reserved": [_named(ours.row) for ours in conflict.ours],
                "differences": {
                    each.column: {"ours": each.ours, "theirs": each.theirs}
                    for each in conflict.differences
                },
            }
            for conflict in plan.conflicts
        ],
        "rules": len(plan.rules),
        "history": len(plan.history),
        "remarks": list(plan.remarks),
    }


def _told(conflict: Conflict) -> Iterator[str]:
    if not conflict.differences:
        for ours in conflict.ours:
            yield f"{named(key(ours.row))} is reserved {_by(ours.row)}"
    for column, ours, theirs in conflict.differences:
        yield f"{column}: here {_value(ours)}, in the file {_value(theirs)}"


def _by(row: Row) -> str:
    return f"by {row['project']} since {row['reserved_at']:%F %H:%M}"


def _value(value: Any) -> str:
    if value is None:
        return "nothing"
    said = str(value)
    return f"“{said[:LONGEST]}{'…' if len(said) > LONGEST else ''}”"


def _named(row: Row) -> dict[str, Any]:
    host_id, protocol, port = key(row)
    return {"host_id": host_id, "protocol": protocol, "port": port, "project": row["project"]}
