"""What people decide on the board: they judge ports, write notes and move them."""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST

from collector import asking
from collector.sweep import HOST_ID
from notes import services
from notes.forms import AnnotateForm
from notes.models import EVERY_HOST, PortNote
from portatlas.board.editor import editor
from portatlas.models import KEY, SEE_PORTS, Port

RISKS = PortNote.RiskLevel
MAY_WRITE = (*SEE_PORTS, "notes.add_portnote", "notes.change_portnote")
PATIENCE = 10  # seconds in which a look that was asked for should be there
MOST_NAMES = 5  # of ports in one message
NAMED = re.compile(
    rf"(?P<host>{HOST_ID})/(?P<protocol>tcp|udp)/(?P<port>[0-9]{{1,5}})(?:@(?P<seen>[0-9]{{1,9}}))?"
)
NONE_CHOSEN = "No port was chosen: tick the cards first."
NONE_SEEN = "Nothing was done: no such port was ever seen."

may_write = permission_required(MAY_WRITE, raise_exception=True)


def is_fragment(request: HttpRequest) -> bool:
    """Whether a script of the page asks, which puts the answer into its place."""
    return "HX-Request" in request.headers


@require_POST
@may_write
def judge(request: HttpRequest) -> HttpResponse:
    """
    Judge the ports that were picked, or the one whose button it was: `<risk> <port>`.

    A port is `host/protocol/number@version`, with the version of its note that was on the card.
    """
    risk, _, one = request.POST.get("judge", "").partition(" ")
    seen = dict(filter(None, map(_named, [one] if one else request.POST.getlist("port"))))
    if risk not in RISKS.values:
        return _answer(request, "Choose trusted, expected or suspicious.", is_bad=True)
    keys = _known(seen)
    if not keys:
        return _answer(request, NONE_SEEN if seen else NONE_CHOSEN, is_bad=True)
    written = services.annotate(
        keys, {"risk_level": risk}, by=request.user, at=timezone.now(), seen=seen
    )
    return _told(request, seen, keys, written, risk)


@require_POST
@may_write
def annotate(request: HttpRequest) -> HttpResponse:
    """Write the same into the notes of the picked ports, through a page that asks what."""
    seen = dict(filter(None, map(_named, request.POST.getlist("port"))))
    keys = _known(seen)
    if not keys:
        return _answer(request, NONE_SEEN if seen else NONE_CHOSEN, is_bad=True)
    form = AnnotateForm(request.POST if "said" in request.POST else None)
    if form.is_valid():
        try:
            written = services.annotate(
                keys,
                form.changes,
                by=request.user,
                at=timezone.now(),
                add_tags=form.cleaned_data["add_tags"],
                seen=seen,
            )
        except ValidationError as exc:
            form.add_error("add_tags", exc)
        else:
            return _told(request, seen, keys, written, "annotated")
    named = request.POST.getlist("port")
    context = {"form": form, "keys": keys, "named": named, "next": _next(request)}
    return render(request, "board/annotate.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "POST"])
@may_write
def note(request: HttpRequest, host_id: str, protocol: str, number: str) -> HttpResponse:
    """
    Write the note about a port, in place or on a page of its own.

    Where the note for every host speaks, that one is written; with `?own=1` one for this host.
    """
    key = _key(host_id, protocol, number)
    port = Port.objects.for_board(timezone.now()).filter(**dict(zip(KEY, key, strict=True))).first()
    is_own = request.GET.get("own") == "1"
    data = request.POST if request.method == "POST" else None
    form = editor(key, port, port.note if port else _about(key), data, is_own=is_own)
    status = 200
    if form.is_bound:
        if form.is_valid():
            try:
                services.save(form.instance, by=request.user, seen=form.cleaned_data["seen"])
            except (services.NoteChangedError, services.NoteExistsError) as exc:
                text = f"{exc} Nothing was saved: load the page anew to see it."
                form.add_error(None, ValidationError(text, code="changed"))
            else:
                return _answer(request, f"The note about {number}/{protocol} is saved.")
        status = 409 if form.has_error(NON_FIELD_ERRORS, "changed") else 422
    template = "board/_editor.html" if is_fragment(request) else "board/note.html"
    context = {
        "form": form,
        "port": port,
        "key": key,
        "is_own": is_own,
        "next": _next(request),
    }
    return render(request, template, context, status=status)


@require_POST
@may_write
def move(request: HttpRequest, host_id: str, protocol: str, number: str) -> HttpResponse:
    """Let the note about a port speak for the port `to`, where its program is now."""
    found = _of_key(_key(host_id, protocol, number))
    if found is None:
        raise Http404("There is no note about this port of this host.")
    fields = (request.POST.get(f"to_{name}", "") for name in ("host", "protocol", "port"))
    said = request.POST.get("to") or "/".join(fields)
    if "@" not in said:
        said += f"@{request.POST.get('seen', '0')}"
    to, seen = _named(said) or (None, None)
    if to is None:
        text = "Say where to: a host, tcp or udp, and a port from 1 to 65535."
        return _answer(request, text, is_bad=True)
    try:
        services.move(found, to, by=request.user, seen=seen or found.version)
    except (services.NoteChangedError, services.NoteExistsError) as exc:
        return _answer(request, f"Not moved. {exc}", is_bad=True)
    return _answer(request, f"The note of {number}/{protocol} speaks for {to[2]}/{to[1]} now.")


@require_POST
@may_write
def look(request: HttpRequest) -> HttpResponse:
    """Look at this machine now, without waiting for the next sweep."""
    answer = asking.ask(settings.PORTATLAS_HOST_ID, patience=PATIENCE)
    return _answer(request, answer.text, is_bad=not answer.is_believed)


def _told(
    request: HttpRequest,
    asked: Mapping[services.Key, int],
    keys: list[services.Key],
    written: services.Written,
    what: str,
) -> HttpResponse:
    """Say how many ports are what now, whose notes somebody else changed, and what was left."""
    done = [_called(key) for key in keys if key not in written.refused]
    refused = [_called(key) for key in written.refused]
    left = len(asked) - len(keys)
    said = []
    if done:
        said.append(f"{done[0]} is {what}." if len(done) == 1 else f"{len(done)} ports are {what}.")
    if refused:
        more = len(refused) - MOST_NAMES
        names = ", ".join(refused[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
        said.append(f"Somebody else changed the notes of {names} meanwhile: look at them again.")
    if left:
        said.append(f"{left} left alone: never seen, or more than {services.MOST} at once.")
    return _answer(request, " ".join(said), is_bad=bool(refused or left))


def _called(key: services.Key) -> str:
    host, protocol, port = key
    return f"{port}/{protocol} on {host}"


def _answer(request: HttpRequest, text: str, *, is_bad: bool = False) -> HttpResponse:
    """Say what was done, and go back to where it was asked."""
    (messages.error if is_bad else messages.success)(request, text)
    if is_fragment(request):
        return HttpResponse(status=204)
    # Not redirect(), which takes a word for the name of a view.
    return HttpResponseRedirect(_next(request))


def _next(request: HttpRequest) -> str:
    """Return the page to go back to, the one before unless it says which: one of ours."""
    asked = request.POST.get("next") or request.GET.get("next")
    if not asked:
        before = request.headers.get("Referer", "")
        came_in = urlsplit(before).path == resolve_url(settings.LOGIN_URL)
        asked = "" if came_in else before
    hosts, is_safe = {request.get_host()}, request.is_secure()
    return asked if url_has_allowed_host_and_scheme(asked, hosts, is_safe) else resolve_url("board")


def _named(text: str) -> tuple[services.Key, int] | None:
    """Read host/protocol/port@version; None if it is none."""
    found = NAMED.fullmatch(text)
    if not found or not 1 <= int(found["port"]) <= 65535:
        return None
    return (found["host"], found["protocol"], int(found["port"])), int(found["seen"] or 0)


def _key(host_id: str, protocol: str, number: str) -> services.Key:
    if not 1 <= int(number) <= 65535:
        raise Http404(f"There is no port {number}: a port is a number from 1 to 65535.")
    return host_id, protocol, int(number)


def _known(keys) -> list[services.Key]:
    """Keep the ports that were ever seen."""
    keys = list(keys)[: services.MOST]
    hosts, ports = {key[0] for key in keys}, {key[2] for key in keys}
    seen = set(Port.objects.filter(host_id__in=hosts, port__in=ports).values_list(*KEY))
    return [key for key in keys if key in seen]


def _of_key(key: services.Key) -> PortNote | None:
    return PortNote.objects.filter(**dict(zip(KEY, key, strict=True))).first()


def _about(key: services.Key) -> PortNote | None:
    """Return the note that speaks for a port: its own, else that for every host."""
    host_id, protocol, port = key
    notes = PortNote.objects.filter(host_id__in=(host_id, EVERY_HOST), protocol=protocol, port=port)
    return min(notes, key=lambda note: note.speaks_for_every_host, default=None)
