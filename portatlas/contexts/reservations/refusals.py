"""What somebody is told who gets no port: why not, and what he may do."""

from collections.abc import Mapping, Sequence

from portatlas.contexts.reservations.models import Reservation
from portatlas.contexts.reservations.rules import Rule
from portatlas.contexts.reservations.values import named


def taken(in_the_way: Sequence[Reservation]) -> str:
    """Say who has reserved a port."""
    first = in_the_way[0]
    since = f"since {first.reserved_at:%F %H:%M}"
    until = f" until {first.expires_at:%F %H:%M}" if first.expires_at else ""
    said = f"{named(first.key)} is reserved by {first.project} {since}{until}"
    return said + (f", and so is {len(in_the_way) - 1} more." if in_the_way[1:] else ".")


def nowhere(project: str, own: Sequence[Rule], owners: str) -> str:
    """Say whose all of the ports are; `own` are the rules that give some to the project."""
    if own:
        spans = ", ".join(rule.span for rule in own)
        return f"The ports of {own[0].owner} are {spans}: none of those asked for is one of them."
    return f"None of these ports is for {project}: they belong to {owners}."


def too_few(
    wanted: int, ranges: Sequence[range], others: Mapping[str, int], found: int, *, is_row: bool
) -> str:
    """
    Say how many of the ports are free, and what is with the others, each told once.

    >>> too_few(2, [range(8000, 8010)], {"reserved": 9, "noted": 0}, 1, is_row=False)
    '2 free ports were asked for; only 1 are in 8000-8009 (9 reserved). Say another range, or ask \
for fewer.'
    """
    told = ", ".join(f"{number} {reason}" for reason, number in others.items() if number)
    row = " in a row" if is_row else ""
    asked = f"{wanted} free ports{row} were" if wanted > 1 else "A free port was"
    spans = ", ".join(f"{each.start}-{each.stop - 1}" for each in ranges)
    few = f"only {found} are" if found else "there is none"
    if is_row:
        few = "there is no such row"
    with_others = f" ({told})" if told else ""
    return f"{asked} asked for; {few} in {spans}{with_others}. Say another range, or ask for fewer."
