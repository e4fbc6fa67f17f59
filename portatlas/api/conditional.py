"""
ETags: what names a state of the data, asked in two cheap statements before anything is read.

Each sweep and each note leave behind what names them. Ports and hosts tell of the last look, so
they have another name after each sweep; and what the clock alone decides, such as that a port
has stopped flapping, may wait for the next minute.
"""

from functools import wraps
from hashlib import blake2b

from django.db import connection
from django.utils import timezone
from django.utils.cache import get_conditional_response, patch_cache_control
from rest_framework.request import Request

from collector.models import Host, HostEvent, PortEvent
from notes.models import PortNote

# What each look leaves behind on its host, and what is refused; as text, for nobody counts with it.
LOOKS = ("last_look_at", "last_sweep_at", "uptime", "digest", "unsettled", "refused_at")
_HOSTS = (
    f"SELECT host_id, {', '.join(f'CAST({name} AS text)' for name in LOOKS)} "  # noqa: S608  # names of our own
    f"FROM {Host._meta.db_table} ORDER BY host_id"
)
_COUNTED = (  # events are added, and the oldest of them deleted
    ("MIN", PortEvent),
    ("MAX", PortEvent),
    ("MIN", HostEvent),
    ("MAX", HostEvent),
    ("MAX", PortNote.history.model),
)
_NEWEST = ", ".join(
    f"(SELECT {which}({model._meta.pk.column}) FROM {model._meta.db_table})"  # noqa: S608  # as above
    for which, model in _COUNTED
)


def etag(request: Request, *, moves: bool) -> str:
    """Return what names an answer; one that `moves` tells of the last look, and of the clock."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_NEWEST}")
        told = [request.get_full_path(), cursor.fetchone()]
        if moves:
            cursor.execute(_HOSTS)
            told += [cursor.fetchall(), int(timezone.now().timestamp() // 60)]
    return f'"{blake2b(repr(told).encode(), digest_size=12).hexdigest()}"'


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
