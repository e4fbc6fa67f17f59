"""What people decide about the reservation of a port: they reserve, renew, change, release it."""

from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render, resolve_url
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from portatlas.board import tokens
from portatlas.board.booked import Booked
from portatlas.board.refusals import REFUSALS, tell
from portatlas.board.replies import back, by_post, reply
from portatlas.board.reservation_form import reservation_form
from portatlas.contexts.reservations import services
from portatlas.contexts.reservations.services import Actor, NotReservedError
from portatlas.contexts.reservations.values import named
from portatlas.models import KEY, SEE_PORTS, Port
from portatlas.reserving.ground import HeldError
from portatlas.reserving.here import ground

MAY = {what: f"reservations.{what}_reservation" for what in ("view", "add", "change", "delete")}
SEE = (*SEE_PORTS, MAY["view"])

may_see = permission_required(SEE, raise_exception=True)


@require_http_methods(["GET", "POST"])
@may_see
def reserve(request: HttpRequest, host_id: str, protocol: str, number: str) -> HttpResponse:
    """Reserve a port, or say its reservation anew, on a page of its own."""
    now = timezone.now()
    key = tokens.key(host_id, protocol, number)
    port = Port.objects.for_board(now).filter(**dict(zip(KEY, key, strict=True))).first()
    booked = Booked.of(key, port, now)
    if not request.user.has_perm(MAY["change" if booked.is_own else "add"]):
        raise PermissionDenied
    own = booked.booking if booked.is_own else None
    form = reservation_form(key, own, port, request.POST if request.method == "POST" else None)
    status = 200
    if form.is_bound:
        status = 422
        if form.is_valid():
            by = Actor.of(request.user)
            seen = form.cleaned_data["seen"]
            try:
                if own is not None:
                    ground().renew(key, form.said, by=by, at=now, seen=seen)
                elif seen:
                    raise NotReservedError(f"Somebody has released {named(key)} meanwhile.")
                else:
                    anyway = form.cleaned_data["anyway"]
                    ground().reserve(form.instance, by=by, at=now, even_if_held=anyway)
            except REFUSALS as exc:
                status = tell(form, exc)
                form.offers_anyway |= isinstance(exc, HeldError)
            else:
                project = form.cleaned_data["project"]
                return reply(request, f"{named(key)} is reserved by {project}.")
            form.show_again(booked.revision if own else "")
    context = {
        "form": form,
        "key": key,
        "where": named(key),
        "booked": Booked.of(key, port, now) if form.is_bound else booked,
        "next": back(request),
    }
    return render(request, "board/reservation.html", context, status=status)


@by_post
@permission_required((*SEE, MAY["delete"]), raise_exception=True)
def release(request: HttpRequest, host_id: str, protocol: str, number: str) -> HttpResponse:
    """Release a port, and go on to its project where the port's own page may be no more."""
    key = tokens.key(host_id, protocol, number)
    seen = request.POST.get("seen", "")
    try:
        released = services.release(
            key, by=Actor.of(request.user), at=timezone.now(), seen=seen or None
        )
    except NotReservedError as exc:
        return reply(request, f"Nothing was released. {exc}", is_bad=True)
    text = f"{named(key)} is released: {released.project} had reserved it."
    return reply(request, text, then=resolve_url("project", released.project))
