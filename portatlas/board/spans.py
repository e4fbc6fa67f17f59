"""What a port was over a day, a week or a month: a bar, and the same as a list."""

from datetime import datetime, timedelta
from typing import NamedTuple, Self

from portatlas import past
from portatlas.board import strip
from portatlas.board.strip import Strip
from portatlas.models import Port
from portatlas.words import span

SPANS = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}
NAMES = {"24h": "24 hours", "7d": "7 days", "30d": "30 days"}
ROWS = 50  # of the list


class Row(NamedTuple):
    """A time in which the port was the same throughout."""

    look: str
    since: str
    until: str
    lasted: str


class Span(NamedTuple):
    """What a port was until now, as a drawing and as rows, the newest first."""

    chosen: str
    name: str
    began: str
    bar: Strip
    rows: list[Row]
    left: int  # rows that are not among them

    @classmethod
    def of(cls, asked: str, port: Port, now: datetime) -> Self:
        """Read and draw a span, the day if it is none, in three queries at most."""
        chosen = asked if asked in SPANS else "24h"
        began = now - SPANS[chosen]
        presence = past.whole(port, began, now)
        rows = [
            Row(str(each.look), f"{each.start:%F %T}", f"{each.end:%F %T}", _lasted(each))
            for each in reversed(presence.intervals)
        ]
        bar = strip.draw(presence, f"Last {NAMES[chosen]}")
        shown = rows[:ROWS]
        return cls(chosen, NAMES[chosen], f"{began:%F %H:%M}", bar, shown, len(rows) - len(shown))

    @property
    def choices(self) -> list[tuple[str, str]]:
        return list(NAMES.items())


def _lasted(interval) -> str:
    time = interval.end - interval.start
    return span(time) if time else "a moment"
