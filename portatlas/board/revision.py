"""
Whether the board has changed since somebody read it: an ETag, and when was looked last.

It is made of what each sweep and each note leave behind, and of the minute: a board tells times
in minutes, and what the clock alone decides may wait for the next one. The last look itself
moves with every sweep, so it travels in a header, which an answer without a body has too.
"""

from collections.abc import Callable
from functools import wraps
from hashlib import blake2b

from django.contrib import messages
from django.db.models import Max, Subquery
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from collector.models import Host, HostEvent, PortEvent
from notes.models import PortNote
from portatlas.board.replies import is_fragment
from portatlas.board.selection import Selection
from portatlas.models import MAY_WRITE

HEADER = "Last-Look"
OF_HOST = (
    "host_id",
    "digest",
    "verdict",
    "reason",
    "owners_reason",
    "refused_at",
    "unsettled",
    "watched_since",
)


def etag(request: HttpRequest) -> str | None:
    """Return what names this state of the board for this reader, None if he has to be told news."""
    rows = list(
        Host.objects.order_by("host_id").values_list(
            "last_look_at", *OF_HOST, _last(PortEvent), _last(HostEvent)
        )
    )
    host = Selection.of(request.GET).host
    request.last_look = max((row[0] for row in rows if host in {"", row[1]}), default=None)
    if len(messages.get_messages(request)):
        return None
    last_note = PortNote.history.aggregate(Max("history_id"))
    minute = int(timezone.now().timestamp() // 60)
    # The forms of a page that somebody else, or he before he logged in anew, got are refused.
    csrf = request.META.get("CSRF_COOKIE")
    reader = request.user.pk, request.user.has_perms(MAY_WRITE), csrf, is_fragment(request)
    told = repr((request.get_full_path(), [row[1:] for row in rows], last_note, minute, reader))
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


def _last(events: type) -> Subquery:
    """Return the newest event of all: the database asks for it once."""
    return Subquery(events.objects.order_by("-pk").values("pk")[:1])
