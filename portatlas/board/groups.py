"""The cards of a page under headings, with how many there are of each group in all."""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import NamedTuple

from django.db.models import Count
from django.utils.safestring import SafeString

from notes.models import PortNote
from portatlas.board.cards import Card
from portatlas.board.selection import Selection
from portatlas.models import Port
from portatlas.querysets import PortQuerySet
from portatlas.states import PortState
from portatlas.tally import Tally

TYPES = dict(PortNote.ServiceType.choices)
NOBODY = "nobody named"


class Group(NamedTuple):
    """Cards that stand together; a board that is not grouped is one group without a name."""

    name: str
    total: int
    cards: list[Card]

    @property
    def html(self) -> SafeString:
        """All of its cards."""
        return SafeString("".join([card.html for card in self.cards]))


def _owner(port: Port) -> str:
    return port.note.owner if port.note else ""


def _type(port: Port) -> str:
    return port.note.service_type if port.note else "unknown"


# What a port is grouped by, and how a group is called.
BY: dict[str, tuple[Callable[[Port], str], Callable[[str], str]]] = {
    "host": (lambda port: port.host_id, str),
    "owner": (_owner, lambda owner: owner or NOBODY),
    "type": (_type, lambda value: TYPES.get(value, value)),
    "state": (lambda port: port.state.value, lambda value: PortState(value).label),
}


def grouped(
    cards: Sequence[Card],
    rows: Sequence[Port],
    ports: PortQuerySet,
    selection: Selection,
    numbers: Tally,
) -> list[Group]:
    """
    Return the cards of `rows` in groups. `ports` are all that the board would show.

    Groups by owner or type are counted in one query, the others are counted already.
    """
    if not selection.group:
        return [Group("", numbers.total, list(cards))]
    of, called = BY[selection.group]
    totals = _totals(ports, selection, numbers)
    pairs = groupby(zip(rows, cards, strict=True), key=lambda pair: of(pair[0]))
    return [
        Group(called(value), totals.get(value, 0), [card for _row, card in members])
        for value, members in pairs
    ]


def _totals(ports: PortQuerySet, selection: Selection, numbers: Tally) -> dict[str, int]:
    match selection.group:
        case "state":
            return {state.value: n for state, n in numbers.of_state().items()}
        case "host":
            return {host_id: numbers.of_host(host_id).total for host_id in numbers.by_host}
    ports = ports if selection.clients else ports.without_clients()
    counts = ports.order_by().values_list(selection.key).annotate(Count("pk"))
    return dict(counts)
