"""
Ports as the API tells them, each from the columns of one statement.

They are taken as the database gives them: what Django does with each value, and REST framework
with each field, takes several times as long as reading them.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import TextField
from django.db.models.functions import Cast

from collector.models import PortRuntime
from notes.models import EVERY_HOST
from portatlas import tally
from portatlas.intervals import Look
from portatlas.models import Port, Reading
from portatlas.moment import iso
from portatlas.prepared import Prepared
from portatlas.querysets import PortQuerySet
from portatlas.tally import Cut, Numbers

PLAIN = (
    *("host_id", "protocol", "port", "current_state", "scope", "backlog", "backlog_limit"),
    *("well_known", "owner_state", "role", "process_name", "cmdline", "exe", "exe_is_deleted"),
    *("user", "unit", "socket_unit", "container", "container_name", "image", "compose_service"),
    "current_pid",
)
READ = ("last_seen_at", "active_since", "severity", "counts_as_client", "pk")
OF_HOST = ("last_sweep_at", "unsettled", "booted_at", "watched_since")
OF_NOTE = (
    *("host_id", "protocol", "port", "title", "description", "owner", "service_type"),
    *("risk_level", "expected_scope", "version", "review_by"),
)
# Times that are only told are taken as text: to read one and write it anew takes ten times as long.
TIMES = (
    *("process_started_at", "first_seen_at", "last_disappeared_at"),
    *("note__created_at", "note__updated_at"),
)
LISTS = ("endpoints", "pids", "note__tags")  # as JSON

PLAIN_END = len(PLAIN)
HOST_END = PLAIN_END + len(READ) + len(OF_HOST)
NOTE = slice(HOST_END, HOST_END + len(OF_NOTE))
PortColumns = NamedTuple(
    "PortColumns",
    [
        (name.replace("__", "_"), Any)
        for name in (
            *(*PLAIN, *READ, *OF_HOST, *(f"note_{each}" for each in OF_NOTE)),
            *(*TIMES, *LISTS),
        )
    ],
)


class PortRow(Reading, PortColumns):
    """One port with its host and its note, and what follows from them."""

    __slots__ = ()

    @property
    def is_active(self) -> bool:
        return self.current_state == PortRuntime.State.ACTIVE

    @property
    def host(self) -> "PortRow":
        return self  # whose columns stand in the same row

    @property
    def note(self) -> "NoteRow | None":
        return None if self.note_host_id is None else NoteRow(self.note_expected_scope)

    def as_json(self, silent: Mapping[str, datetime] | None = None) -> dict[str, Any]:
        """
        Return the port as values that JSON has.

        `silent` says since when hosts are so: all that is told of their ports is what was seen
        last. Without it, what is known by now is left out.
        """
        uptime = self.uptime
        since = silent and silent.get(self.host_id)
        look = Look.of(None if since else uptime is not None)
        return {
            **dict(zip(PLAIN, self, strict=False)),
            "process_started_at": _iso(self.process_started_at),
            "first_seen_at": _iso(self.first_seen_at),
            "last_disappeared_at": _iso(self.last_disappeared_at),
            "active_since": iso(self.active_since),
            "last_seen_at": iso(self.seen_at),
            "uptime_seconds": None if uptime is None else int(uptime.total_seconds()),
            "endpoints": self.endpoints,
            "pids": self.pids,
            "is_split": self.is_split,
            "is_crowded": self.is_crowded,
            "is_client": bool(self.counts_as_client),
            "state": self.state,
            "reason": self.reason,
            "note": None if self.note_host_id is None else self._note_as_json(),
            "look": None if silent is None else look,
            "unknown_since": iso(since or None),
        }

    def _note_as_json(self) -> dict[str, Any]:
        return {
            **dict(zip(OF_NOTE, self[NOTE], strict=True)),
            "tags": self.note_tags,
            "review_by": self.note_review_by and self.note_review_by.isoformat(),
            "created_at": _iso(self.note_created_at),
            "updated_at": _iso(self.note_updated_at),
            "for_every_host": self.note_host_id == EVERY_HOST,
        }


class NoteRow(NamedTuple):
    """What of a note the reason of a state is told by."""

    expected_scope: str


def _iso(text: str | None) -> str | None:
    """
    Write a time of UTC as iso() does; a database has told it as a text of its own.

    >>> _iso("2026-01-01 12:00:00.250000"), _iso("2026-01-01 12:00:00.25+00"), _iso(None)
    ('2026-01-01T12:00:00.250000Z', '2026-01-01T12:00:00.250000Z', None)
    """
    if text is None:
        return None
    text = text.replace(" ", "T").removesuffix("+00")
    return f"{text:0<26}Z" if "." in text else f"{text}Z"


def columns(ports: PortQuerySet) -> PortQuerySet:
    """Have ports, annotated as `for_board` does it, give the columns of a PortRow."""
    return ports.annotate(
        **{f"{name}_text": Cast(name, TextField()) for name in TIMES},
    ).values_list(
        *(*PLAIN, *READ, *(f"host__{name}" for name in OF_HOST)),
        *(f"note__{name}" for name in OF_NOTE),
        *(f"{name}_text" for name in TIMES),
        *LISTS,
    )


def rows(ports: PortQuerySet) -> list[PortRow]:
    """Read ports that are annotated as `for_board` does it, in one query."""
    try:
        return _read(*columns(ports).query.sql_with_params())
    except EmptyResultSet:
        return []


def page(at: datetime, numbers: Numbers, *, offset: int, limit: int) -> list[PortRow]:
    """Read one page of all ports, the most urgent first, in two queries at most."""
    cut = Cut.of(numbers, offset, limit)
    return cut.merged(_part(_FLAPPING, at, cut.flapping), _part(_CALM, at, cut.calm))


def _part(of: Prepared, at: datetime, part: slice) -> list[PortRow]:
    if part.start == part.stop:
        return []
    sql, values = of.at(at)
    return _read(f"{sql} LIMIT %s OFFSET %s", [*values, part.stop - part.start, part.start])


def _read(sql: str, values: Iterable) -> list[PortRow]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        found = cursor.fetchall()
    # All lists of the page are one text: to begin to read a text takes longer than to read one.
    texts = (f"[{ends},{pids},{tags or 'null'}]" for *_, ends, pids, tags in found)
    lists = json.loads(f"[{','.join(texts)}]")
    return [PortRow(*row[: -len(LISTS)], *each) for row, each in zip(found, lists, strict=True)]


_FLAPPING, _CALM = (
    Prepared(lambda at, part=part: columns(part(at, Port.objects.with_client())))
    for part in (tally.flapping, tally.calm)
)
