"""The strip of a card: the last 24 hours of a port as a drawing, and the same in words."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from django.utils.html import format_html
from django.utils.safestring import SafeString

from portatlas.intervals import Look
from portatlas.models import Port
from portatlas.presence import Presence, presences
from portatlas.words import span

SPAN = timedelta(hours=24)
WIDTH = 288  # units; one is five minutes of 24 hours
UNIT = SPAN / WIDTH
MOST_SHAPES = 100
KEPT = 500  # drawings in each process, of some 0.5 KB: many ports have the same past
COARSENESS = (1, 2, 3)  # units that are drawn as one where there would be more shapes than that

LOOKS = tuple(Look)
LINES = {Look.UP: 6, Look.DOWN: 11, Look.UNKNOWN: 6}  # how far down; strip.css says how thick
RUNS = re.compile(rb"(.)\1*", re.DOTALL)


class Strip(NamedTuple):
    """A drawing as SVG, and what it says."""

    svg: SafeString
    words: str


def strips(ports: Sequence[Port], now: datetime) -> dict[int, Strip]:
    """
    Return the strips of ports, by primary key, in two queries at most. Needs their hosts.

    They end at the next whole five minutes, so that the strip of a port to which nothing
    happens is the same text until then.
    """
    end = snapped(now)
    found = presences(ports, start=end - SPAN, end=end, now=now)
    return {pk: draw(presence, "Last 24 hours") for pk, presence in found.items()}


def snapped(now: datetime) -> datetime:
    """Return the end of the unit of time that it is."""
    units = -(-now.timestamp() // UNIT.total_seconds())
    return datetime.fromtimestamp(units * UNIT.total_seconds(), tz=UTC)


@lru_cache(KEPT)
def draw(presence: Presence, called: str) -> Strip:
    """
    Draw what a port was in a window, which is called so in words.

    One path for each look, and at most 100 pieces of them: what is shorter than a unit is as
    wide as one, and where there is too much of that, units are drawn as one.
    """
    totals = _totals(presence)
    words = f"{called}: {_said(totals, presence.times)}."
    drawn = _paths(*_runs(presence, totals))
    paths = "".join(f'<path class="strip__{look}" d="{path}"/>' for look, path in drawn.items())
    svg = format_html(
        '<svg class="strip" viewBox="0 0 {} 12" preserveAspectRatio="none" role="img">'
        "<title>{}</title>{}</svg>",
        WIDTH,
        words,
        SafeString(paths),  # numbers and words of this module, nothing else
    )
    return Strip(svg, words)


def _totals(presence: Presence) -> dict[Look, timedelta]:
    """Return how long a port was what, for each look that occurs."""
    totals: dict[Look, timedelta] = {}
    for start, end, look in presence.intervals:
        totals[look] = totals.get(look, timedelta()) + (end - start)
    return totals


def _said(totals: dict[Look, timedelta], times: int) -> str:
    if len(totals) == 1:
        said = f"{next(iter(totals))} all the time"
    else:
        said = ", ".join(
            f"{look} {span(totals[look]) if totals[look] else 'for a moment'}"
            for look in LOOKS
            if look in totals
        )
    if not times:
        return said
    return f"{said}; came or went {'once' if times == 1 else f'{times} times'}"


def _runs(
    presence: Presence, totals: dict[Look, timedelta]
) -> tuple[list[tuple[Look, int, int]], int]:
    """Return the pieces to be drawn, in cells, and how many units a cell has."""
    # What is rarest is painted last: an outage shows on what is up, a visit on what is down.
    order = sorted(totals, key=totals.__getitem__, reverse=True)
    for units in COARSENESS:
        cells = _cells(presence, order, WIDTH // units)
        runs = [(LOOKS[run[0][0]], *run.span()) for run in RUNS.finditer(cells)]
        if len(runs) <= MOST_SHAPES:
            break
    return runs, units


def _cells(presence: Presence, order: list[Look], number: int) -> bytearray:
    """Return so many equal parts of the window, each as the place of its look in LOOKS."""
    start, end = presence.intervals[0].start, presence.intervals[-1].end
    unit = (end - start) / number
    cells = bytearray([LOOKS.index(order[0])]) * number
    for look in order[1:]:
        place, free = bytes([LOOKS.index(look)]), 0
        for interval in presence.intervals:
            if interval.look != look:
                continue
            left = min((interval.start - start) // unit, number - 1)
            right = min(max(-((start - interval.end) // unit), left + 1), number)
            left = max(left, free)
            if left < right:
                cells[left:right] = place * (right - left)
                free = right + 1  # two of a look never melt into one: flapping looks like a comb
    return cells


def _paths(runs: list[tuple[Look, int, int]], units: int) -> dict[Look, str]:
    """Return the path of each look that occurs: from left to right, lines and what they skip."""
    paths: dict[Look, str] = {}
    reached: dict[Look, int] = {}
    for look, start, end in runs:
        if look in paths:
            paths[look] += f"m{(start - reached[look]) * units} 0h{(end - start) * units}"
        else:
            paths[look] = f"M{start * units} {LINES[look]}h{(end - start) * units}"
        reached[look] = end
    return paths
