"""The page of one port: what was observed of it, what people know, and what it was over time."""

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from notes.models import EVERY_HOST, PortNote
from portatlas import moment, moves
from portatlas.board import (
    neighbours,
    note_history,
    opening,
    process_tree,
    timeline,
    tokens,
)
from portatlas.board.answer import Answer
from portatlas.board.booked import Booked
from portatlas.board.browser import browser_of
from portatlas.board.memory import Known, about
from portatlas.board.reservation_form import reservation_form
from portatlas.board.reservations import MAY
from portatlas.board.spans import Span
from portatlas.board.views import may_see_ports
from portatlas.models import KEY, Port
from portatlas.silence import silent_since
from portatlas.words import clock

ENDS = 100  # sockets that it lists

Key = tuple[str, str, int]


@may_see_ports
def port(request: HttpRequest, host_id: str, protocol: str, number: str) -> HttpResponse:
    """
    Show everything about one port; of one that was never seen, what people decided about it.

    One with neither a note of its own nor a reservation is not found, but its page lets whoever
    may begin either.
    """
    now = timezone.now()
    key = tokens.key(host_id, protocol, number)
    of_key = dict(zip(KEY, key, strict=True))
    found = Port.objects.for_board(now).select_related("note__updated_by").filter(**of_key).first()
    if found:
        return render(request, "board/port.html", _seen(request, found, now))
    told = _told(request, key, about(key), now)
    known, booked = told["known"], told["booked"]
    is_there = (known and known.note.key == key) or (booked and booked.is_own)
    return render(request, "board/port_unseen.html", told, status=200 if is_there else 404)


def _seen(request: HttpRequest, found: Port, now: datetime) -> dict:
    """Return what the page of a port shows."""
    key = found.host_id, found.protocol, found.port
    browser = browser_of(request)
    before = moment.parse(request.GET.get("before", ""))
    page = timeline.page(found, before)
    asked = request.GET.get("at")
    silent = silent_since(found.host, now)
    return _told(request, key, found.note, now, found) | {
        "now": now,
        "port": found,
        "silent": clock(silent, now) if silent else "",
        "address": opening.address(found, here=browser.host_id, site=browser.site),
        "ends": found.ends[:ENDS],
        "tree": process_tree.tree(found),
        "related": neighbours.related(found, now),
        "span": Span.of(request.GET.get("span", ""), found, now),
        "page": page,
        "before": f"{before:%F %T}" if before else "",
        "older": moment.cursor(page.older) if page.older else "",
        "answer": Answer.to(asked, found, now) if asked else None,
        "latest": moment.field(now),
        "moved": _moved(found),
    }


def _told(
    request: HttpRequest, key: Key, note: PortNote | None, now: datetime, found: Port | None = None
) -> dict:
    """Return what people know and decided of a port, seen or not, and who else has its number."""
    host_id, protocol, number = key
    booked = Booked.of(key, found, now) if request.user.has_perm(MAY["view"]) else None
    own = booked.booking if booked and booked.is_own else None
    return {
        "booked": booked,
        "form": reservation_form(key, own, found) if booked else None,
        "host_id": host_id,
        "protocol": protocol,
        "number": number,
        "key": f"{host_id}/{protocol}/{number}",
        "place": key,
        "version": note.version if note and note.host_id == host_id else 0,
        "risks": PortNote.RiskLevel,
        "is_of_all": host_id == EVERY_HOST,
        "known": Known.of(note, host_id, now) if note else None,
        "history": note_history.history(key, note),
        "numbered": neighbours.numbered(key, now),
        "back": request.path,
    }


def _moved(found: Port) -> Port | None:
    """Return where the program of a port that is gone listens now, if its note could follow."""
    if found.is_active or found.note is None or found.note.speaks_for_every_host:
        return None
    return moves.moved_to([found], moves.candidates([found])).get(found.pk)
