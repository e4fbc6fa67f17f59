"""
Whether the board has changed since somebody read it: an ETag, and when was looked last.

It is made of what each sweep, each note and each change of a facet leave behind, of which hosts
are silent, and of the minute: a board tells times in minutes, and what else the clock alone
decides may wait for the next one. The last look itself moves with every sweep, so it travels in
a header, which an answer without a body has too.
"""

from collections.abc import Callable
from functools import wraps
from hashlib import blake2b

from django.contrib import messages
from django.db.models import Max, Model, Subquery
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from collector.models import HostEvent, PortEvent
from collector.timekeeping import ours
from notes.models import PortNote
from portatlas import facets, hosts
from portatlas.board.replies import is_fragment
from portatlas.board.selection import Selection
from portatlas.models import MAY_WRITE
from portatlas.silence import is_overdue

HEADER = "Last-Look"
EVENTS = [PortEvent, HostEvent]
TABLES = [*EVENTS, *facets.tables()]  # that tell by their newest rows that something happened
STEADY = [place for place, name in enumerate(hosts.COLUMNS) if name not in hosts.MOVING]
LOOKED, NAMED, SEEN, INTERVAL, AHEAD = (
    hosts.COLUMNS.index(name)
    for name in ("last_look_at", "host_id", "watched_until", "sweep_interval", "clock_ahead")
)


def etag(request: HttpRequest) -> str | None:
    """
    Return what names this state of the board for this reader, None if he has to be told news.

    What it read of the hosts is left to the view, as `request.hosts`, and of which facets its
    reader is shown anything, as `request.facets`.
    """
    rows = request.hosts = hosts.rows(*map(_last, TABLES))
    # Of the newest rows every host tells the same.
    newest = rows[0][-len(TABLES) :] if rows else ()
    seen = facets.seen_by(request.user)
    there = facets.there(newest[len(EVENTS) :]) if rows else ()
    request.facets = [facet for facet in there if facet in seen]
    host = Selection.of(request.GET).host
    looks = [ours(row[LOOKED], row[AHEAD]) for row in rows if host in {"", row[NAMED]}]
    request.last_look = max(looks, default=None)
    if len(messages.get_messages(request)):
        return None
    last_note = PortNote.history.aggregate(Max("history_id"))
    now = timezone.now()
    minute = int(now.timestamp() // 60)
    # The forms of a page that somebody else, or he before he logged in anew, got are refused.
    csrf = request.META.get("CSRF_COOKIE")
    may = request.user.has_perms(MAY_WRITE), [facet.name for facet in seen]
    reader = request.user.pk, may, csrf, is_fragment(request)
    steady = [[row[place] for place in STEADY] for row in rows], newest
    silent = [
        row[NAMED]
        for row in rows
        if is_overdue(ours(row[SEEN] or row[LOOKED], row[AHEAD]), row[INTERVAL], now)
    ]
    told = repr((request.get_full_path(), steady, silent, last_note, minute, reader))
    return f'"{blake2b(told.encode(), digest_size=12).hexdigest()}"'


def tells_last_look(view: Callable) -> Callable:
    """Have the answers of a view, those that nothing has changed too, tell of the last look."""

    @wraps(view)
    def inner(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        response = view(request, *args, **kwargs)
        if last_look := getattr(request, "last_look", None):
            response[HEADER] = last_look.isoformat()
        return response

    return inner


def _last(table: type[Model]) -> Subquery:
    """Return the newest row of all: the database asks for it once."""
    return Subquery(table.objects.order_by("-pk").values("pk")[:1])
