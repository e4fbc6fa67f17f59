"""What people decide on the board: they judge ports, write notes and move them."""

from collections.abc import Mapping

from django.conf import settings
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render, resolve_url
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from collector import asking
from notes import services
from notes.forms import AnnotateForm
from notes.models import PortNote, named
from portatlas.board import memory, outcome, tokens
from portatlas.board.editor import editor
from portatlas.board.replies import back, by_post, is_fragment, reply
from portatlas.models import KEY, MAY_WRITE, Port

RISKS = PortNote.RiskLevel
PATIENCE = 10  # seconds in which a look that was asked for should be there
NONE_CHOSEN = "No port was chosen: tick the cards first."
NONE_SEEN = "Nothing was done: no such port was ever seen."

may_write = permission_required(MAY_WRITE, raise_exception=True)


@by_post
@may_write
def judge(request: HttpRequest) -> HttpResponse:
    """
    Judge the ports that were picked, or the one whose button it was: `<risk> <port>`.

    A port is `host/protocol/number@version`, with the version of its note that was on the card.
    """
    risk, _, one = request.POST.get("judge", "").partition(" ")
    seen = dict(filter(None, map(tokens.parse, [one] if one else request.POST.getlist("port"))))
    if risk not in RISKS.values:
        return reply(request, "Choose trusted, expected or suspicious.", is_bad=True)
    keys = tokens.known(seen)
    if not keys:
        return reply(request, NONE_SEEN if seen else NONE_CHOSEN, is_bad=True)
    written = services.annotate(
        keys, {"risk_level": risk}, by=request.user, at=timezone.now(), seen=seen
    )
    return _told(request, seen, keys, written, risk)


@by_post
@may_write
def annotate(request: HttpRequest) -> HttpResponse:
    """Write the same into the notes of the picked ports, through a page that asks what."""
    seen = dict(filter(None, map(tokens.parse, request.POST.getlist("port"))))
    keys = tokens.known(seen)
    if not keys:
        return reply(request, NONE_SEEN if seen else NONE_CHOSEN, is_bad=True)
    form = AnnotateForm(request.POST if "said" in request.POST else None)
    if written := form.write(keys, by=request.user, at=timezone.now(), seen=seen):
        return _told(request, seen, keys, written, "annotated")
    named = request.POST.getlist("port")
    context = {"form": form, "keys": keys, "named": named, "next": back(request)}
    return render(request, "board/annotate.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "POST"])
@may_write
def note(request: HttpRequest, host_id: str, protocol: str, number: str) -> HttpResponse:
    """
    Write the note about a port, in place or on a page of its own.

    Where the note for every host speaks, that one is written; with `?own=1` one for this host.
    """
    key = tokens.key(host_id, protocol, number)
    port = Port.objects.for_board(timezone.now()).filter(**dict(zip(KEY, key, strict=True))).first()
    is_own = request.GET.get("own") == "1"
    data = request.POST if request.method == "POST" else None
    form = editor(key, port, port.note if port else memory.about(key), data, is_own=is_own)
    status = 200
    if form.is_bound:
        if form.is_valid():
            try:
                services.save(form.instance, by=request.user, seen=form.cleaned_data["seen"])
            except (services.NoteChangedError, services.NoteExistsError) as exc:
                text = f"{exc} Nothing was saved: load the page anew to see it."
                form.add_error(None, ValidationError(text, code="changed"))
            else:
                return reply(request, f"The note about {number}/{protocol} is saved.")
        status = 409 if form.has_error(NON_FIELD_ERRORS, "changed") else 422
    template = "board/_editor.html" if is_fragment(request) else "board/note.html"
    context = {
        "form": form,
        "port": port,
        "key": key,
        "is_own": is_own,
        "next": back(request),
    }
    return render(request, template, context, status=status)


@by_post
@may_write
def move(request: HttpRequest, host_id: str, protocol: str, number: str) -> HttpResponse:
    """Let the note about a port speak for the port `to`, where its program is now."""
    found = _of_key(tokens.key(host_id, protocol, number))
    if found is None:
        raise Http404("There is no note about this port of this host.")
    said = request.POST.get("to", "")
    if "@" not in said:
        said += f"@{request.POST.get('seen', '0')}"
    to, seen = tokens.parse(said) or (None, None)
    if to is None:
        text = "Say where to: a host, tcp or udp, and a port from 1 to 65535."
        return reply(request, text, is_bad=True)
    try:
        services.move(found, to, by=request.user, seen=seen)
    except (services.NoteChangedError, services.NoteExistsError) as exc:
        return reply(request, f"Not moved. {exc}", is_bad=True)
    text = f"The note of {number}/{protocol} speaks for {named(to)} now."
    return reply(request, text, then=resolve_url("port", *to))  # its old page may be no more


@by_post
@may_write
def look(request: HttpRequest) -> HttpResponse:
    """Look at this machine now, without waiting for the next sweep."""
    answer = asking.ask(settings.PORTATLAS_HOST_ID, patience=PATIENCE)
    return reply(request, answer.text, is_bad=not answer.is_believed)


def _told(
    request: HttpRequest,
    asked: Mapping[services.Key, int],
    keys: list[services.Key],
    written: services.Written,
    what: str,
) -> HttpResponse:
    """Say how many ports are what now, whose notes somebody else changed, and what was left."""
    done = [key for key in keys if key not in written.refused]
    left = len(asked) - len(keys)
    said = []
    if done:
        said.append(outcome.done(done, written, what))
    if written.refused:
        names = outcome.names(written.refused)
        said.append(f"Somebody else changed the notes of {names} meanwhile: look at them again.")
    if left:
        said.append(f"{left} left alone: never seen, or more than {services.MOST} at once.")
    return reply(request, " ".join(said), is_bad=bool(written.refused or left))


def _of_key(key: services.Key) -> PortNote | None:
    return PortNote.objects.filter(**dict(zip(KEY, key, strict=True))).first()
