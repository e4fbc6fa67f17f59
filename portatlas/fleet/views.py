"""Pages on which hosts are added, and on which one sees by which token they report."""

import logging

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from collector import handover
from collector.models import Host
from collector.retirement import is_retired
from portatlas.fleet import enrolment
from portatlas.fleet.command import caution, command
from portatlas.fleet.enrolment import MAY_ENROL, enrol, last_token, live_token, tokens_of
from portatlas.fleet.forms import AgainForm, HostForm
from portatlas.fleet.sighting import Sighting
from portatlas.hosts import was_refused

logger = logging.getLogger(__name__)

may_enrol = permission_required(MAY_ENROL, raise_exception=True)
MOST_TOKENS = 20  # of a host, that are listed


@may_enrol
def add(request: HttpRequest) -> HttpResponse:
    """Ask for the name of a host, and show the command that makes it report."""
    form = HostForm(_sent(request))
    if form.is_valid() and (made := _made(request, form, form.cleaned_data["host_id"])):
        return made
    return _page(request, "add", {"form": form, "title": "Add a host"})


@may_enrol
def again(request: HttpRequest, host_id: str) -> HttpResponse:
    """Ask whether the token of a host is to be revoked, and show a new command."""
    host = _known(host_id)
    form = AgainForm(_sent(request))
    if form.is_valid() and (made := _made(request, form, host_id)):
        return made
    context = {
        "form": form,
        "title": f"A new command for {host_id}",
        "host_id": host_id,
        "token": live_token(host_id),
        "has_machine": host is not None and host.machine_id != "",
    }
    return _page(request, "again", context)


@may_enrol
@require_safe
def agent(request: HttpRequest, host_id: str) -> HttpResponse:
    """Show by which token a host reports, and whether it does."""
    host, now = _known(host_id), timezone.now()
    tokens = list(tokens_of(host_id).select_related("user")[:MOST_TOKENS])
    live = [token for token in tokens if token.revoked_at is None]
    shown = (live or tokens or [None])[0]
    context = {
        "title": f"The agent of {host_id}",
        "host_id": host_id,
        "host": host,
        "is_retired": host is not None and is_retired(host),
        "is_local": host_id == settings.PORTATLAS_HOST_ID,
        "is_refused": host is not None and was_refused(host, now),
        "tokens": [(token, token.state(now).label) for token in tokens],
        "sighting": Sighting.of(host, shown, now),
    }
    return _page(request, "agent", context)


@may_enrol
def retire(request: HttpRequest, host_id: str) -> HttpResponse:
    """Ask, and let nobody wait for a host any more when the answer is yes."""
    host = Host.objects.filter(pk=host_id).first()
    if host is None or host_id == settings.PORTATLAS_HOST_ID:
        raise Http404("Only a host that was seen by its agent is retired.")
    if request.method != "POST":
        title = f"Retire {host_id}?"
        return _page(request, "retire", {"title": title, "host_id": host_id})
    enrolment.retire(host, at=timezone.now())
    logger.info("Host %s retired by %s.", host_id, request.user)
    # The admin makes a capital of the first letter, which is not to be that of a name.
    messages.success(request, f"The host {host_id} is retired.")
    return redirect("enrol-agent", host_id)


@may_enrol
def machine(request: HttpRequest, host_id: str) -> HttpResponse:
    """Ask, and let this machine have the name that another had, as after a restore elsewhere."""
    host = Host.objects.filter(pk=host_id).first()
    if host is None or host_id != settings.PORTATLAS_HOST_ID:
        raise Http404("Only the host at which Port Atlas looks itself changes its machine so.")
    if request.method != "POST":
        title = f"Is this machine {host_id} now?"
        return _page(request, "machine", {"title": title, "host_id": host_id})
    handover.hand_over(host_id)
    logger.info("Host %s handed over to this machine by %s.", host_id, request.user)
    messages.success(request, f"The next look at this machine is recorded as {host_id}.")
    return redirect("enrol-agent", host_id)


@may_enrol
@require_safe
def sighting(request: HttpRequest, host_id: str) -> HttpResponse:
    """Say alone how far a host has got, for a page that waits."""
    found = Sighting.of(_known(host_id), last_token(host_id), timezone.now())
    return render(request, "admin/fleet/_sighting.html", {"sighting": found, "host_id": host_id})


def _sent(request: HttpRequest):
    """Return what a form was filled in with, None if it was not sent yet."""
    return request.POST if request.method == "POST" else None


def _known(host_id: str) -> Host | None:
    """Return a host, None if it was only added. Raises Http404 if nobody knows it."""
    host = Host.objects.filter(pk=host_id).first()
    if host is None and not tokens_of(host_id).exists():
        raise Http404(f"No host called {host_id} was ever seen or added.")
    return host


def _made(request: HttpRequest, form, host_id: str) -> HttpResponse | None:
    """
    Make a token, and show the command that holds it: now, and never again.

    Returns None if that can't be; the form says why.
    """
    now = timezone.now()
    is_other = form.cleaned_data.get("is_other_machine", False)
    try:
        token = enrol(request.user, host_id, at=now, is_other_machine=is_other)
    except ValidationError as exc:  # somebody else was faster
        form.add_error(None, " ".join(exc.messages))
        return None
    logger.info("Host %s enrolled by %s: token %s.", host_id, request.user, token.pk)
    hub = settings.PORTATLAS_URL or request.build_absolute_uri("/").rstrip("/")
    context = {
        "title": f"Have {host_id} report",
        "host_id": host_id,
        "token": token,
        "command": command(hub, host_id, token.secret),
        "lines": command(hub, host_id, "").count("\n"),
        "hub": hub,
        "caution": caution(hub),
        "sighting": Sighting.of(Host.objects.filter(pk=host_id).first(), token, now),
    }
    return _page(request, "command", context)


def _page(request: HttpRequest, name: str, context: dict) -> HttpResponse:
    of_all = admin.site.each_context(request) | {"opts": Host._meta}
    return TemplateResponse(request, f"admin/fleet/{name}.html", of_all | context)
