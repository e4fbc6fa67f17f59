"""
What a card shows beside fact and note: every facet there is, in the order of the card.

A context that has something to say of ports gets a module that reads it and puts it into words,
as `reserved`, and a line here. The board asks for no other.
"""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Model

from portatlas import reserved
from portatlas.contexts.reservations.models import Reservation, ReservationEvent
from portatlas.facet import Facet, Shown
from portatlas.models import Port

FACETS = (
    Facet(
        "reservation",
        permission="reservations.view_reservation",
        rows=Reservation,
        history=ReservationEvent,
        read=reserved.read,
        draw=reserved.draw,
        find=reserved.find,
    ),
)


def tables() -> list[type[Model]]:
    """Return where the newest rows of all facets are: of each its own, then its history."""
    return [table for facet in FACETS for table in (facet.rows, facet.history)]


def there(newest: Sequence[int | None]) -> tuple[Facet, ...]:
    """Return the facets of which there is anything, by the newest row of each of tables()."""
    return tuple(facet for facet, row in zip(FACETS, newest[::2], strict=True) if row is not None)


def seen_by(user) -> tuple[Facet, ...]:
    """Return the facets that somebody may see."""
    return tuple(facet for facet in FACETS if user.has_perm(facet.permission))


def shown(
    facets: Sequence[Facet], ports: Sequence[Port], now: datetime
) -> dict[int, tuple[Shown, ...]]:
    """Return the lines of the cards of ports by primary key, in one statement for each facet."""
    lines: dict[int, tuple[Shown, ...]] = {}
    for facet in facets if ports else ():
        found = facet.read(ports, now)
        for port in ports:
            if port.pk in found:
                line = facet.draw(found[port.pk], port, now)
                lines[port.pk] = (*lines.get(port.pk, ()), line)
    return lines
