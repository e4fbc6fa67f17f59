"""What people decide on the board: they judge ports, write notes and move them."""

import re

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render, resolve_url
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_http_methods

from collector import asking
from collector.sweep import HOST_ID
from notes import services
from notes.forms import AnnotateForm
from notes.models import PortNote
from portatlas.board.editor import editor
from portatlas.models import KEY, SEE_PORTS, Port

RISKS = PortNote.RiskLevel
MAY_WRITE = (*SEE_PORTS, "notes.add_portnote", "notes.change_portnote")
PATIENCE = 10  # seconds in which a look that was asked for should be there
NAMED = re.compile(rf"(?P<host>{HOST_ID})/(?P<protocol>tcp|udp)/(?P<port>[0-9]{{1,5}})(?:@(?P<seen>[0-9]{{1,9}}))?")

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
        return _answer(request, "No port was chosen: tick the cards first.", is_bad=True)
    written = services.annotate(
        keys, {"risk_level": risk}, by=request.user, at=timezone.now(), seen=seen
    )
    return _told(request, keys, written, risk)


@require_POST
@may_write
def annotate(request: HttpRequest) -> HttpResponse:
    """Write the same into the notes of the ports that were picked, through a page that asks what."""
    seen = dict(filter(None, map(_named, request.POST.getlist("port"))))
    keys = _known(seen)
    if not keys:
        return _answer(request, "No port was chosen: tick the cards first.", is_bad=True)
    form = AnnotateForm(request.POST if "said" in request.POST else None)
    if form.is_valid():
        written = services.annotate(
            keys,
            form.changes,
            by=request.user,
            at=timezone.now(),
            add_tags=form.cleaned_data["add_tags"],
            seen=seen,
        )
        return _told(request, keys, written, "annotated")
    context = {"form": form, "keys": keys, "named": request.POST.getlist("port"), "next": _next(request)}
    return render(request, "board/annotate.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "POST"])
@may_write
def note(request: HttpRequest, host_id: str, protocol: str, number: str) -> HttpResponse:
    """Write the note about a port, in place or on a page of its own; `?own=1` for its host."""
    key = _key(host_id, protocol, number)
    port = Port.objects.for_board(timezone.now()).filter(**dict(zip(KEY, key, strict=True))).first()
    found = port.note if port else _of_key(key)
    if found and found.speaks_for_every_host and request.GET.get("own") == "1":
        found = None
    form = editor(*key, port, found, request.POST if request.method == "POST" else None)
    status = 200
    if form.is_bound:
        if form.is_valid():
            try:
                services.save(form.instance, by=request.user, seen=form.cleaned_data["seen"])
            except (services.NoteChangedError, services.NoteExistsError) as exc:
                form.add_error(None, f"{exc} Nothing was saved: load the page anew to see it.")
            else:
                return _answer(request, f"The note about {number}/{protocol} is saved.")
        status = 409 if form.has_error(None, "changed") else 422
    template = "board/_editor.html" if is_fragment(request) else "board/note.html"
    context = {
        "form": form,
        "port": port,
        "key": key,
        "inherited": found if found and found.speaks_for_every_host else None,
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
    to, seen = _named(request.POST.get("to") or "/".join(fields)) or (None, None)
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
    request: HttpRequest, keys: list[services.Key], written: services.Written, what: str
) -> HttpResponse:
    """Say how many ports are what now, or whose notes somebody else changed meanwhile."""
    if written.refused:
        names = ", ".join(f"{port}/{protocol} on {host}" for host, protocol, port in written.refused)
        text = f"Somebody else changed the notes of {names} meanwhile: look at them again."
        return _answer(request, text, is_bad=True)
    if len(keys) == 1:
        host, protocol, port = keys[0]
        return _answer(request, f"{port}/{protocol} on {host} is {what}.")
    return _answer(request, f"{len(keys)} ports are {what}.")


def _answer(request: HttpRequest, text: str, *, is_bad: bool = False) -> HttpResponse:
    """Say what was done, and go back to where it was asked."""
    (messages.error if is_bad else messages.success)(request, text)
    return HttpResponse(status=204) if is_fragment(request) else redirect(_next(request))


def _next(request: HttpRequest) -> str:
    """Return the page to go back to, the one before unless it says which: one of ours."""
    said = request.POST.get("next") or request.GET.get("next")
    asked = said or request.headers.get("Referer", "")
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
