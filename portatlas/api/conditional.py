"""
ETags: what names a state of the data, asked in two cheap statements before anything is read.

Each sweep, each note and each reservation leave behind what names them. Ports and hosts tell of
the last look, so they have another name after each sweep, and when a host falls silent; what else
the clock alone decides, such as that a port has stopped flapping, may wait for the next minute.
"""

from datetime import UTC, datetime
from functools import wraps
from hashlib import blake2b

from django.db import connection
from django.utils import timezone
from django.utils.cache import get_conditional_response, patch_cache_control
from rest_framework.request import Request

from collector.models import Host, HostEvent, PortEvent
from collector.timekeeping import ours
from notes.models import PortNote
from portatlas.contexts.reservations.models import ReservationEvent
from portatlas.silence import is_overdue

# What each look leaves behind on its host, and what is refused; as text, for nobody counts with it.
LOOKS = (
    "last_look_at",
    "last_sweep_at",
    "uptime",
    "digest",
    "unsettled",
    "refused_at",
    "retired_at",
    "event_source",
    "event_source_reason",
)
_HOSTS = (
    "SELECT host_id, sweep_interval, clock_ahead, "  # noqa: S608  # names of our own
    "CAST(COALESCE(watched_until, last_look_at) AS text), "
    f"{', '.join(f'CAST({name} AS text)' for name in LOOKS)} "
    f"FROM {Host._meta.db_table} ORDER BY host_id"
)
OVERLAP = 1_000  # rows that are summed up: a long transaction may have had lower numbers


def _told_by(model) -> str:
    """
    Return what names the rows of a history, to which rows are added, and its oldest deleted.

    On PostgreSQL a row may be seen later than others with higher numbers: that moves the sum.
    """
    number, table = model._meta.pk.column, model._meta.db_table
    last = f"SELECT {number} FROM {table} ORDER BY {number} DESC LIMIT {OVERLAP}"  # noqa: S608  # as above
    told = (
        f"SELECT MIN({number}) FROM {table}",  # noqa: S608  # as above
        f"SELECT MAX({number}) FROM {table}",  # noqa: S608  # as above
        f"SELECT SUM({number}) FROM ({last}) AS last",  # noqa: S608  # as above
    )
    return ", ".join(f"({each})" for each in told)


_HISTORIES = ", ".join(
    map(_told_by, (PortEvent, HostEvent, PortNote.history.model, ReservationEvent))
)


def etag(request: Request, *, moves: bool) -> str:
    """
    Return what names an answer; one that `moves` tells of the last look, and of the clock.

    Which hosts are silent, and since when, is left to its view as `request.silent`.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_HISTORIES}")
        told = [request.build_absolute_uri(), cursor.fetchone()]
        if moves:
            cursor.execute(_HOSTS)
            now, hosts = timezone.now(), cursor.fetchall()
            request.silent = _silences(hosts, now)
            told += [hosts, [*request.silent], int(now.timestamp() // 60)]
    return f'"{blake2b(repr(told).encode(), digest_size=12).hexdigest()}"'


def _silences(hosts: list[tuple], now: datetime) -> dict[str, datetime]:
    """Return since when each of the silent hosts is so, as `portatlas.silence` has it."""
    seen = (
        (host_id, interval, ours(datetime.fromisoformat(text).replace(tzinfo=UTC), ahead))
        for host_id, interval, ahead, text, *_ in hosts
    )
    return {host_id: since for host_id, interval, since in seen if is_overdue(since, interval, now)}


def conditional(method):
    """Have a view's method answer 304 to a reader who has read this already."""

    @wraps(method)
    def inner(self, request: Request, *args, **kwargs):
        tag = etag(request, moves=self.moves)
        response = get_conditional_response(request, etag=tag)
        if response is None:
            response = method(self, request, *args, **kwargs)
        response.headers["ETag"] = tag
        return response

    return inner


class Conditional:
    """
    Keeps every answer out of shared caches.

    What `moves` with each look and with the clock has another name then, see `conditional`.
    """

    moves = True

    def finalize_response(self, request, response, *args, **kwargs):
        response = super().finalize_response(request, response, *args, **kwargs)
        patch_cache_control(response, private=True, no_cache=True)
        return response
