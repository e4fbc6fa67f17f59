"""What is in the way of a compose file: whoever holds or has reserved what it publishes."""

import errno
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from ipaddress import ip_address
from typing import NamedTuple

from collector.models import Host, PortRuntime
from notes.exchange.drafts import publishing
from notes.exchange.drafts.draft import clean
from notes.exchange.drafts.publishing import Published, Remark, Service, text_of
from notes.exchange.faults import BadFileError
from portatlas.contexts.reservations import allocation, rules
from portatlas.contexts.reservations.models import Reservation
from portatlas.contexts.reservations.rules import Claim
from portatlas.contexts.reservations.services import Actor
from portatlas.contexts.reservations.values import named
from portatlas.reserving import binding
from portatlas.reserving.overlap import overlap, places
from portatlas.silence import silent_since

MOST = 5_000  # ports of a file; docker takes minutes for so many
NEVER_SEEN = "No look at {} was ever recorded, so nobody knows what listens there."
NO_ADDRESS = "{} is none of the addresses that {} has now."
NO_IP = "{}: {} is no address."

Place = tuple[str, int]  # protocol, port


class Why(StrEnum):
    """What kind of a conflict it is."""

    HELD = "held"
    BOUND = "bound"  # by a program that does not listen
    RESERVED = "reserved"
    RULE = "rule"
    TWICE = "twice"  # within the file


class Wish(NamedTuple):
    """A port that a service is to publish."""

    service: str
    profiles: frozenset[str]  # with which it starts; with each, if there are none
    port: Published

    @property
    def place(self) -> Place:
        return self.port.protocol, self.port.port

    def is_in_the_way_of(self, other: "Wish") -> bool:
        if self.profiles and other.profiles and self.profiles.isdisjoint(other.profiles):
            return False
        return overlap(places(self.port.host_ip), places(other.port.host_ip))


class Conflict(NamedTuple):
    """Why a service can't publish a port, in a sentence."""

    wish: Wish
    why: Why
    text: str


@dataclass
class Plan:
    """What a compose file asks of a host, and by which names its own containers are known."""

    host_id: str
    project: str  # whose reservations are its own
    own: frozenset[str]
    wishes: list[Wish] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)

    @property
    def keys(self) -> set[tuple[str, str, int]]:
        return {(self.host_id, *wish.place) for wish in self.wishes}


def read(text: str, host_id: str, *, folder: str, project: str = "") -> Plan:
    """
    Return what a compose file asks for. Raises BadFileError if it is none.

    Its project is what it says, or else the `folder` that it lies in, as compose has it;
    `project` is whose reservations are meant, if that is another one.
    """
    file = publishing.read(text)
    name = file.name or normal(folder)
    own = frozenset(filter(None, map(normal, (name, project))))
    plan = Plan(host_id, project or name, own)
    for part in file.parts:
        profiles = _profiles(part)
        for found in publishing.published(part):
            if isinstance(found, Remark):
                plan.remarks.append(found)
            else:
                plan.wishes.append(Wish(part.name, profiles, found))
            if max(len(plan.wishes), len(plan.remarks)) > MOST:
                raise BadFileError.at(found.line, f"It has more than {MOST:,} ports. Divide it.")
    return plan


def normal(name: str) -> str:
    """
    Return a name as compose makes one of a project of it.

    >>> normal("_My Shop.2")
    'myshop2'
    """
    return re.sub(r"[^a-z0-9_-]", "", name.lower()).lstrip("_-")


def conflicts(plan: Plan, *, here: str, by: Actor, at: datetime) -> list[Conflict]:
    """
    Return what is in the way of a plan, by line, in four statements; remarks are added to it.

    On this machine, which is called `here`, it is also tried whether the ports can be bound.
    """
    ports = {wish.port.port for wish in plan.wishes}
    facts = PortRuntime.objects.filter(host=plan.host_id, current_state="active", port__in=ports)
    held = {each.key: each for each in facts}
    reserved = _reserved(plan, at)
    in_force = allocation.in_force()
    plan.remarks += _unknown(plan, at)
    found = list(_twice(plan.wishes))
    for wish in plan.wishes:
        fact = held.get(wish.place)
        is_own = fact is not None and fact.compose_service.partition("/")[0] in plan.own
        if fact and not is_own and overlap(places(wish.port.host_ip), _places(fact)):
            found.append(Conflict(wish, Why.HELD, f"is held by {_holder(fact)}"))
        elif plan.host_id == here and not is_own:
            found += _bound(plan, wish)
        if other := reserved.get(wish.place):
            text = f"is reserved by {other.project} since {other.reserved_at:%F %H:%M}"
            found.append(Conflict(wish, Why.RESERVED, text))
        claim = Claim(plan.host_id, wish.port.protocol, plan.project, by.teams)
        if why := rules.refusal(in_force, claim, wish.port.port):
            found.append(Conflict(wish, Why.RULE, f"is not for {plan.project}: {why.rstrip('.')}"))
    return sorted(found, key=lambda each: (each.wish.port.line, each.wish.place))


def _profiles(part: Service | Remark) -> frozenset[str]:
    said = part.said.get("profiles") if isinstance(part, Service) else None
    names = said.value if said and isinstance(said.value, list) else ()
    return frozenset(map(text_of, names))


def _reserved(plan: Plan, at: datetime) -> dict[Place, Reservation]:
    """Return what other projects have reserved of it."""
    found = Reservation.objects.about_any(plan.keys).exclude(project=plan.project)
    return {(each.protocol, each.port): each for each in found if not each.has_run_out(at)}


def _unknown(plan: Plan, at: datetime) -> Iterator[Remark]:
    host = Host.objects.filter(pk=plan.host_id).first()
    if host is None:
        yield Remark(0, NEVER_SEEN.format(plan.host_id))
    elif since := silent_since(host, at):
        yield Remark(0, f"{plan.host_id} was seen last at {since:%F %T} UTC.")


def _twice(wishes: Iterable[Wish]) -> Iterator[Conflict]:
    """Yield what is published again, each with the first that is in its way."""
    before = defaultdict(list)
    for wish in wishes:
        first = next(filter(wish.is_in_the_way_of, before[wish.place]), None)
        if first:
            text = f"is published by {first.service} as well, on line {first.port.line}"
            yield Conflict(wish, Why.TWICE, text)
        else:
            before[wish.place].append(wish)


def _bound(plan: Plan, wish: Wish) -> Iterator[Conflict]:
    protocol, port = wish.place
    address = wish.port.host_ip.strip("[]")
    address = "127.0.0.1" if address == "localhost" else address
    if address and not _is_ip(address):  # a name would be looked up, who knows where
        text = NO_IP.format(wish.service, clean(address, 60))
        plan.remarks.append(Remark(wish.port.line, text))
        return
    number = binding.obstacle(protocol, address, port)
    if number == errno.EADDRINUSE:
        yield Conflict(wish, Why.BOUND, "is bound by a program of this machine")
    elif number == errno.EADDRNOTAVAIL:
        plan.remarks.append(Remark(wish.port.line, NO_ADDRESS.format(address, plan.host_id)))


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _places(fact: PortRuntime) -> frozenset:
    """Return where the sockets of a port are bound; of an old ss's wildcard, both."""
    return frozenset().union(
        *(
            places(each["address"], serves_both=each.get("family") != "v6")
            for each in fact.endpoints
        )
    )


def _holder(fact: PortRuntime) -> str:
    name = fact.process_name or "a program that can't be seen"
    pid = f" (PID {fact.current_pid})" if fact.current_pid else ""
    where = fact.container_name or fact.unit
    return f"{name}{pid}, which belongs to {where}" if where else f"{name}{pid}"


def in_words(conflict: Conflict, host_id: str) -> str:
    """Return a conflict as a line of text."""
    wish = conflict.wish
    return (
        f"line {wish.port.line}: {wish.service}: {named((host_id, *wish.place))} {conflict.text}."
    )
