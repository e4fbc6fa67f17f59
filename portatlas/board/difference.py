"""What listens on one host and not on another, or there by another program or for others."""

from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import NamedTuple

from portatlas.models import REACH, Port

LINES = 500  # of a section

# What is compared, in words: the first that differs names the difference.
FIELDS = {"process_name": "process", "exe": "program", "image": "image"}


class Listening(NamedTuple):
    """What is compared of a port."""

    pk: int
    host_id: str
    protocol: str
    port: int
    process_name: str
    exe: str
    image: str
    scope: str

    @property
    def key(self) -> tuple[int, str]:
        return self.port, self.protocol

    def told(self, name: str) -> str:
        """Return a field as it is compared: of a program its file's name, not where it lies."""
        return self.exe.rpartition("/")[2] if name == "exe" else getattr(self, name)

    @property
    def is_held(self) -> bool:
        """Whether anything is known of who holds it."""
        return any(self.told(name) for name in FIELDS)


@dataclass(frozen=True)
class Pair:
    """A port that listens on both hosts, and how the two differ, in words."""

    one: Port
    other: Port
    words: tuple[str, ...]


@dataclass(frozen=True)
class Side:
    """What listens on one of two hosts only: the first ports by number, and how many there are."""

    host_id: str
    ports: list[Port]
    total: int


@dataclass(frozen=True)
class Difference:
    """How two hosts differ in what listens on them."""

    sides: tuple[Side, Side]
    unlike: list[Pair]
    unlike_total: int
    alike: int
    unheld: int  # ports on both whose owner was not seen on one of them, so not compared

    def __str__(self) -> str:
        """
        Say it in one sentence.

        >>> print(Difference((Side("a", [], 2), Side("b", [], 0)), [], 1, 14, 0))
        2 ports on a only, 0 on b only, 1 on both but not alike, 14 alike.
        """
        one, other = self.sides
        ports = "port" if one.total == 1 else "ports"
        return (
            f"{one.total} {ports} on {one.host_id} only, {other.total} on {other.host_id} only, "
            f"{self.unlike_total} on both but not alike, {self.alike} alike."
        )


def differences(one: Listening, other: Listening) -> tuple[str, ...]:
    """Say how a port of two hosts differs: who holds it, where both are known, and its reach."""
    found = []
    for name, word in FIELDS.items():
        pair = one.told(name), other.told(name)
        if all(pair) and pair[0] != pair[1]:
            found.append(f"{word}: {pair[0][:80]} / {pair[1][:80]}")
            break
    if one.scope != other.scope:
        found.append(f"reach: {REACH[one.scope]} / {REACH[other.scope]}")
    return tuple(found)


def difference(one: str, other: str, now: datetime) -> Difference:
    """Hold what listens on two hosts against each other, client sockets left out; two queries."""
    pair = Port.objects.filter(host_id__in=(one, other), current_state="active").order_by()
    seen = pair.without_clients().exclude(pk__in=pair.awaited().values("pk"))
    rows: dict[str, dict] = {one: {}, other: {}}
    for row in map(Listening._make, seen.values_list(*Listening._fields)):
        rows[row.host_id][row.key] = row
    return _compare(rows, now)


def _compare(rows: dict[str, dict], now: datetime) -> Difference:
    (one, here), (other, there) = rows.items()
    only = [
        (one, [here[key].pk for key in sorted(here.keys() - there.keys())]),
        (other, [there[key].pk for key in sorted(there.keys() - here.keys())]),
    ]
    both = [(here[key], there[key]) for key in sorted(here.keys() & there.keys())]
    unlike = [(a.pk, b.pk, words) for a, b in both if (words := differences(a, b))]
    shown = chain(*(pks[:LINES] for _host, pks in only), *(pair[:2] for pair in unlike[:LINES]))
    # Rows are never deleted, so each of them is still there.
    ports = Port.objects.for_board(now).filter(pk__in=list(shown)).in_bulk()
    return Difference(
        tuple(Side(host, [ports[pk] for pk in pks[:LINES]], len(pks)) for host, pks in only),
        [Pair(ports[a], ports[b], words) for a, b, words in unlike[:LINES]],
        len(unlike),
        alike=len(both) - len(unlike),
        unheld=sum(not (a.is_held and b.is_held) for a, b in both),
    )
