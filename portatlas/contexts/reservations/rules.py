"""To whom ports belong: what the allocation rules allow, and why they refuse. Pure."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from functools import cache
from typing import NamedTuple

NAMED = 3  # owners that a sentence names
EVERY_HOST = "*"  # as values.py has it, which is not without Django


class Rule(NamedTuple):
    """Ports that belong to projects or to a team; the one that is empty is not meant."""

    project: str
    team: str
    host_id: str
    protocol: str  # "" for both
    first: int
    last: int
    reason: str = ""

    @property
    def owner(self) -> str:
        return f"project {self.project}" if self.project else f"the team {self.team}"

    @property
    def ports(self) -> range:
        return range(self.first, self.last + 1)

    @property
    def span(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


class Claim(NamedTuple):
    """Who wants a port, and where."""

    host_id: str
    protocol: str
    project: str
    teams: frozenset[str] = frozenset()


def own(rules: Iterable[Rule], claim: Claim) -> list[Rule]:
    """Return the rules by which ports belong to who claims one."""
    return [rule for rule in _there(rules, claim) if _is_for(rule, claim)]


def refusal(rules: Iterable[Rule], claim: Claim, port: int) -> str:
    """
    Say why a port is not for who claims it, "" if it is.

    >>> shop = Rule("shop", "", "*", "tcp", 8000, 8099)
    >>> refusal([shop], Claim("atlas", "tcp", "blog"), 8080)
    '8080/tcp belongs to project shop, which has 8000-8099.'
    >>> refusal([shop], Claim("atlas", "tcp", "shop"), 80)
    'The ports of project shop are 8000-8099; 80/tcp is none of them.'
    """
    there = list(_there(rules, claim))
    mine = [rule for rule in there if _is_for(rule, claim)]
    if any(port in rule.ports for rule in mine):
        return ""
    name = f"{port}/{claim.protocol}"
    for rule in there:
        if port in rule.ports:
            return _told(f"{name} belongs to {rule.owner}, which has {rule.span}.", [rule])
    if mine:
        spans = ", ".join(dict.fromkeys(rule.span for rule in mine))
        owners = " and ".join(dict.fromkeys(rule.owner for rule in mine))
        return _told(f"The ports of {owners} are {spans}; {name} is none of them.", mine)
    return ""


def newly_refused(rule: Rule, others: Sequence[Rule], held: Iterable[tuple[Claim, int]]) -> int:
    """
    Count the ports that are refused for a rule, and would not be for the others alone.

    They say nothing of these: none gives ports to who claims it, none gives it to somebody else.

    >>> shop, blog = Rule("shop", "", "*", "", 10, 19), Rule("blog", "", "*", "", 20, 29)
    >>> places = [(Claim("a", "tcp", name), port) for name in ("shop", "x") for port in (9, 19, 29)]
    >>> newly_refused(shop, [], places), newly_refused(shop, [blog], places)
    (3, 2)
    """

    @cache
    def owned(project: str, teams: frozenset[str]) -> tuple[bool, list[Rule]]:
        who = Claim("", "", project, teams)
        return _is_for(rule, who), [each for each in others if _is_for(each, who)]

    @cache
    def given(host_id: str, protocol: str) -> tuple[bool, frozenset[int]]:
        place = Claim(host_id, protocol, "")
        ports = frozenset(port for each in _there(others, place) for port in each.ports)
        return any(_there([rule], place)), ports

    count = 0
    for claim, port in held:
        is_own, own_others = owned(claim.project, claim.teams)
        is_there, of_others = given(claim.host_id, claim.protocol)
        if is_there and is_own != (port in rule.ports) and port not in of_others:
            count += not any(_there(own_others, claim))
    return count


def owners(rules: Iterable[Rule], claim: Claim, ports: range) -> str:
    """
    Say to whom some of the ports belong where one is claimed, the first few by name.

    >>> rules = [Rule(f"shop-{n}", "", "*", "", 8000 + n, 8000 + n) for n in range(5)]
    >>> owners(rules, Claim("a", "tcp", "blog"), range(8001, 8003))
    'project shop-1 (8001) and project shop-2 (8002)'
    >>> owners(rules, Claim("a", "tcp", "blog"), range(8000, 9000))
    'project shop-0 (8000), project shop-1 (8001), project shop-2 (8002) and others'
    """
    names = [
        f"{rule.owner} ({rule.span})"
        for rule in _there(rules, claim)
        if rule.first < ports.stop and ports.start <= rule.last
    ]
    *others, last = names[:NAMED] + ["others"] * (len(names) > NAMED)
    return f"{', '.join(others)} and {last}" if others else last


def allowed(rules: Sequence[Rule], claim: Claim, within: range | None, usual: range) -> list[range]:
    """
    Return where ports may be looked for, ascending: in the ranges of who claims them, if he has
    any, else in the usual one, without those of others. `within` narrows that, and stands in for
    the usual range.

    >>> rules = [Rule("shop", "", "*", "", 8000, 8009), Rule("", "ops", "*", "", 8020, 8029)]
    >>> allowed(rules, Claim("a", "tcp", "shop"), None, range(7000, 9000))
    [range(8000, 8010)]
    >>> allowed(rules, Claim("a", "tcp", "blog"), range(8000, 8025), range(7000, 9000))
    [range(8010, 8020)]
    """
    mine = own(rules, claim)
    if mine:
        wanted = [_cut(rule.ports, within) if within else rule.ports for rule in mine]
        return _joined(wanted)
    free = [within or usual]
    for rule in _there(rules, claim):
        free = [part for each in free for part in _without(each, rule.ports)]
    return _joined(free)


def _there(rules: Iterable[Rule], claim: Claim) -> Iterable[Rule]:
    """Yield the rules that hold at the place; what is claimed on every host meets those of all."""
    for rule in rules:
        is_host = EVERY_HOST in {rule.host_id, claim.host_id} or rule.host_id == claim.host_id
        if is_host and rule.protocol in {"", claim.protocol}:
            yield rule


def _is_for(rule: Rule, claim: Claim) -> bool:
    if rule.project:
        return fnmatchcase(claim.project, rule.project)
    return rule.team in claim.teams


def _told(sentence: str, rules: Iterable[Rule]) -> str:
    """
    Add the reason of each rule to a sentence, as one of its own.

    >>> _told("It is ours.", [Rule("shop", "", "*", "", 1, 9, "Payments only")])
    'It is ours. Payments only.'
    """
    reasons = dict.fromkeys(rule.reason for rule in rules if rule.reason)
    ended = (each if each[-1] in ".!?" else f"{each}." for each in reasons)
    return " ".join([sentence, *ended])


def _cut(one: range, other: range) -> range:
    return range(max(one.start, other.start), min(one.stop, other.stop))


def _without(one: range, other: range) -> list[range]:
    return [
        range(one.start, min(one.stop, other.start)),
        range(max(one.start, other.stop), one.stop),
    ]


def _joined(ranges: Iterable[range]) -> list[range]:
    """Return ranges in their order, each port in one of them."""
    found: list[range] = []
    for each in sorted(ranges, key=lambda part: part.start):
        if not each:
            continue
        if found and each.start <= found[-1].stop:
            found[-1] = range(found[-1].start, max(found[-1].stop, each.stop))
        else:
            found.append(each)
    return found
