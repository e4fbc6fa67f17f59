"""The neighbours of a port: what the same program holds, and who else has its number."""

from datetime import datetime
from typing import NamedTuple

from django.db.models import Case, Count, Q, When
from django.urls import reverse

from notes.models import EVERY_HOST
from portatlas.board import owners
from portatlas.models import KEY, Port, Standing
from portatlas.silence import silent_since

MOST = 20  # of a kind
PIDS = 200  # processes of a port that are looked for elsewhere

# What two ports of a host have in common, the closest first, and how it is said.
BONDS = (
    ("container", "same container"),
    ("compose_service", "same service"),
    ("unit", "same unit"),
)


class Neighbour(NamedTuple):
    """Another port, as a link with its name."""

    link: str
    name: str
    called: str
    state: str
    label: str
    bond: str = ""


class Related(NamedTuple):
    """Ports of the same host that belong to the same program."""

    ports: list[Neighbour]
    is_cut: bool


class Numbered(NamedTuple):
    """Other ports of the same number: some of them, and how many there are."""

    ports: list[Neighbour]
    total: int
    hosts: int  # that were seen to have this very port, its own host among them


def related(port: Port, now: datetime) -> Related:
    """Return what the same process, container, service or unit holds, in one query."""
    holds = port.is_active and port.pids  # of a port that has gone, the process may be another
    alike = Q(current_pid__in=port.pids[:PIDS], current_state="active") if holds else Q()
    for name, _ in BONDS:
        if value := getattr(port, name):
            alike |= Q(**{name: value})
    if not alike:
        return Related([], is_cut=False)
    found = Port.objects.for_board(now).filter(alike, host_id=port.host_id).exclude(pk=port.pk)
    rows = list(found[: MOST + 1])
    neighbours = [_neighbour(each, now, bond=_bond(port, each)) for each in rows[:MOST]]
    return Related(neighbours, is_cut=len(rows) > MOST)


def numbered(key: tuple[str, str, int], now: datetime) -> Numbered:
    """Return the ports of the same number, those of its host first, in two queries."""
    host_id, protocol, number = key
    own = Q(**dict(zip(KEY, key, strict=True)))
    counts = Standing.objects.filter(port=number, fact__isnull=False).aggregate(
        others=Count("pk", filter=~own), hosts=Count("pk", filter=Q(protocol=protocol))
    )
    found = (
        Port.objects.for_board(now)
        .filter(standing__port=number)
        .exclude(own)
        .order_by(Case(When(host_id=host_id, then=0), default=1), "severity", *KEY)
    )
    ports = [_neighbour(port, now, with_host=host_id) for port in found[:MOST]]
    return Numbered(ports, counts["others"], counts["hosts"])


def _bond(port: Port, other: Port) -> str:
    if port.is_active and other.is_active and other.current_pid in port.pids:
        return "same process"
    return next(
        said
        for name, said in BONDS
        if getattr(port, name) and getattr(other, name) == getattr(port, name)
    )


def _neighbour(port: Port, now: datetime, *, bond: str = "", with_host: str = "") -> Neighbour:
    name = f"{port.port}/{port.protocol}"
    if with_host and (port.host_id != with_host or with_host == EVERY_HOST):
        name += f" on {port.host_id}"
    state = port.state.value, port.state.label
    return Neighbour(
        reverse("port", args=[port.host_id, port.protocol, port.port]),
        name,
        owners.title(port),
        *(("unknown", "Unknown") if silent_since(port.host, now) else state),
        bond,
    )
