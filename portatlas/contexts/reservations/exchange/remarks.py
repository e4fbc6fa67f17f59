"""What an import is told beside the plan: nothing of it keeps a file from being written."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from portatlas.contexts.reservations import allocation, rules
from portatlas.contexts.reservations.exchange.plan import key
from portatlas.contexts.reservations.exchange.rows import Row
from portatlas.contexts.reservations.rules import Claim, Rule
from portatlas.contexts.reservations.values import named

MOST = 20  # of one kind


def of_rules(wanted: Iterable[Row], said: Iterable[Row]) -> list[str]:
    """
    Return what the rules would refuse. They keep nobody from taking back what was agreed.

    Who asked for a port was in the teams that he is in now.
    """
    known = [_rule(row) for row in said]
    if not known:
        return []
    teams = allocation.teams_of()
    refusals = []
    for row in wanted:
        host_id, protocol, port = key(row)
        claim = Claim(host_id, protocol, row["project"], teams(row.get("requested_by", "")))
        if why := rules.refusal(known, claim, port):
            refusals.append(f"{named(key(row))}, {row['project']}: {why}")
    return cut(refusals, "more that the rules would refuse.")


def of_time(wanted: Iterable[Row], at: datetime) -> list[str]:
    """Return what is released again in a moment, because its time is over."""
    over = [row for row in wanted if "expires_at" in row and row["expires_at"] <= at]
    said = [f"{named(key(row))} ran out {row['expires_at']:%F %H:%M}." for row in over]
    return cut(said, "more that have run out.")


def of_teams(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        yield f"The team {name} is made, with nobody in it: a rule is about it."


def cut(said: Sequence[str], rest: str) -> list[str]:
    """Return the first of what is to be said, and how much more there is."""
    more = len(said) - MOST
    return [*said[:MOST], f"… and {more} {rest}"] if more > 0 else list(said)


def _rule(row: Row) -> Rule:
    names = ("project", "team", "host_id", "protocol", "first", "last", "reason")
    return Rule(*(row.get(name, "") for name in names))
