"""What a facet is: a line on the card of a port that some context has to say."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Model, Q

from portatlas.models import Port


class Shown(NamedTuple):
    """A line of a card: `before`, a word that leads somewhere, `after`; "" where nothing is."""

    name: str  # what it is headed by
    before: str
    word: str
    link: str
    after: str
    is_bad: bool  # whether somebody should look at it


class Facet(NamedTuple):
    """
    What a card may show beside fact and note.

    `read` takes the ports of a page and the time, and returns what there is about some of them,
    by primary key, in one statement whatever their number. `draw` puts one of these into words.
    `find` takes a word that was searched, and returns of which ports the facet says it.
    """

    name: str
    permission: str  # of who is shown it
    rows: type[Model]  # where there are none, nothing is read
    history: type[Model]  # append-only: each change of the rows adds to it
    read: Callable[[Sequence[Port], datetime], Mapping[int, Any]]
    draw: Callable[[Any, Port, datetime], Shown]
    find: Callable[[str], Q]
