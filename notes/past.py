"""What notes said at a time, as their history tells it: also of those deleted or moved since."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef, QuerySet

from notes.models import EVERY_HOST, PortNote
from notes.services import Key


class Judgement(NamedTuple):
    """What of a note decides in which state a port is."""

    risk_level: str
    expected_scope: str


def lines_at(moment: datetime) -> QuerySet:
    """
    Return the line of history that held at a moment of each note that there was.

    It has the key that the note had then. Of the lines of one note the last that was written
    holds: a clock may have been set back.
    """
    lines = PortNote.history.model.objects.filter(history_date__lte=moment).order_by("history_id")
    newer = lines.filter(id=OuterRef("id"), history_id__gt=OuterRef("history_id")).order_by()
    return lines.exclude(history_type="-").filter(~Exists(newer))


def about(numbers: Iterable[int], moment: datetime) -> dict[Key, Any]:
    """Return the lines that held at a moment about ports of these numbers, in one query."""
    lines = lines_at(moment).filter(port__in=set(numbers))
    return {(line.host_id, line.protocol, line.port): line for line in lines}


def judgements(moment: datetime) -> dict[Key, Judgement]:
    """Return what all notes judged at a moment, in one query."""
    columns = ("host_id", "protocol", "port", *Judgement._fields)
    rows = lines_at(moment).values_list(*columns)
    return {tuple(row[:3]): Judgement(*row[3:]) for row in rows}


def speaking(notes: Mapping[Key, Any], key: Key) -> Any | None:
    """Return the note that speaks for a port: its own, else that for every host."""
    return notes.get(key) or notes.get((EVERY_HOST, *key[1:]))
