"""A plan in words, and as values for scripts."""

from collections.abc import Iterator
from typing import Any

from notes.exchange.plan import Change, Plan
from notes.models import named

LONGEST = 200  # characters of a value
MOST_NEW = 20  # new notes that are named
AGAIN = "Nothing was written: try again."


def value(value: Any) -> str:
    """
    Say what a field says, in one line that no terminal obeys.

    >>> value("a\\nb\\x1b[2J"), value(["web", "prod"]), value(None)
    ('“a\\\\nb\\\\x1b[2J”', '“web, prod”', 'nothing')
    """
    text = ", ".join(value) if isinstance(value, list) else "" if value is None else str(value)
    if not text:
        return "nothing"
    cut = text[:LONGEST]
    shown = "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in cut
    )
    return f"“{shown}{'…' if len(text) > LONGEST else ''}”"


def sentence(plan: Plan, *, replaced: bool) -> str:
    """
    Say how many notes are new, differ and are as they were.

    >>> sentence(Plan((), (), 2), replaced=False)
    '0 notes are new, 0 differ, 2 are the same.'
    """
    new, other = len(plan.new), len(plan.conflicts)
    verb = "is" if new == 1 else "are"
    what = "replaced" if replaced else "differs" if other == 1 else "differ"
    same = f"{plan.same} {'is' if plan.same == 1 else 'are'} the same"
    return f"{new} {'note' if new == 1 else 'notes'} {verb} new, {other} {what}, {same}."


def lines(plan: Plan, *, replaced: bool, unit: str = "line") -> Iterator[str]:
    """Yield the report, line by line: the sentence, the new notes, and each difference."""
    yield sentence(plan, replaced=replaced)
    for change in plan.new[:MOST_NEW]:
        title = change.values.get("title")
        yield f"+ {named(change.key)}: {value(title) if title else 'without a title'}"
    if len(plan.new) > MOST_NEW:
        yield f"+ and {len(plan.new) - MOST_NEW} more"
    for change in plan.conflicts:
        yield f"{'~' if replaced else '!'} {named(change.key)}, {unit} {change.line}:"
        for name, ours, theirs in change.differences:
            yield f"    {name}: here {value(ours)}, in the file {value(theirs)}"


def as_values(plan: Plan, *, outcome: str, replaced: bool) -> dict[str, Any]:
    """Return the report as values of JSON. `outcome` is written, dry run, or conflicts."""
    return {
        "outcome": outcome,
        "replaced": replaced,
        "same": plan.same,
        "new": [_key(change) for change in plan.new],
        "conflicts": [
            _key(change)
            | {
                "line": change.line,
                "differences": {
                    name: {"ours": ours, "theirs": theirs}
                    for name, ours, theirs in change.differences
                },
            }
            for change in plan.conflicts
        ],
    }


def _key(change: Change) -> dict[str, Any]:
    host_id, protocol, port = change.key
    return {"host_id": host_id, "protocol": protocol, "port": port}
