"""What a port was in the last 24 hours, as a line of characters. No queries."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import groupby

from rich.text import Text

from portatlas.intervals import Interval, Look

SPAN = timedelta(hours=24)
CELLS = (96, 72, 48, 24, 12)  # of 15 minutes, or 20, 30, 60, 120
SIGNS = {Look.UP: ("█", "green"), Look.DOWN: ("▁", "red"), Look.UNKNOWN: ("·", "dim")}
LEGEND = "{} up  {} down  {} unknown".format(*(sign for sign, _ in SIGNS.values()))


def strip(pieces: Sequence[Interval], width: int) -> Text:
    """
    Draw adjacent intervals as so many equal cells as fit.

    What is rarest is painted last, and is a cell wide at least: an outage of a minute shows.
    """
    count = next((cells for cells in CELLS if cells <= width), CELLS[-1])
    start, end = pieces[0].start, pieces[-1].end
    unit = (end - start) / count
    totals = dict.fromkeys(Look, timedelta())
    for piece in pieces:
        totals[piece.look] += piece.end - piece.start
    cells = [Look.UNKNOWN] * count
    for look in sorted(totals, key=totals.__getitem__, reverse=True):
        for piece in pieces:
            if piece.look == look:
                left = min((piece.start - start) // unit, count - 1)
                right = max(-((start - piece.end) // unit), left + 1)
                cells[left:right] = [look] * (min(right, count) - left)
    drawn = Text(no_wrap=True)
    for look, run in groupby(cells):
        sign, style = SIGNS[look]
        drawn.append(sign * len(list(run)), style)
    return drawn
