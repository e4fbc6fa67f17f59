"""The lane below the cards: notes about ports that no look has found yet."""

from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from django.template.loader import render_to_string
from django.urls import reverse

from notes.models import EVERY_HOST, PortNote
from portatlas.board.selection import Selection
from portatlas.models import Memory

LONGEST = 50  # notes
KEPT = 20  # drawn lanes in each process, of some 15 KB
RISKS = dict(PortNote.RiskLevel.choices)


class Expected(NamedTuple):
    """A note about a port that was never seen."""

    number: str
    protocol: str
    link: str
    title: str
    host: str
    owner: str
    risk: str


class Lane(NamedTuple):
    """What a board says of such notes. Like a card it is a value, so what was drawn is kept."""

    notes: tuple[Expected, ...] = ()
    is_cut: bool = False

    @property
    def html(self) -> str:
        return _drawn(self) if self.notes else ""


@lru_cache(KEPT)
def _drawn(lane: Lane) -> str:
    return render_to_string("board/_lane.html", lane._asdict())


def lane(selection: Selection, today: date) -> Lane:
    """Return the lane of a board, in one query: below its first page, for they are in no state."""
    if selection.state or selection.page > 1:
        return Lane()
    notes = selection.notes(Memory.objects.never_seen(), today)
    columns = ("host_id", "protocol", "port", "title", "owner", "risk_level")
    found = tuple(_expected(notes.values_list(*columns)[: LONGEST + 1]))
    return Lane(found[:LONGEST], is_cut=len(found) > LONGEST)


def _expected(rows: Iterable[tuple]) -> Iterable[Expected]:
    root = reverse("board")
    for host_id, protocol, port, title, owner, risk in rows:
        link = f"{root}ports/{host_id}/{protocol}/{port}/"
        host = "every host" if host_id == EVERY_HOST else host_id
        yield Expected(str(port), protocol, link, title or "Untitled", host, owner, RISKS[risk])
