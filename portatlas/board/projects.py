"""The list of projects, and the page of one: what they have reserved, and requests for more."""

from django.conf import settings
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render, resolve_url
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from portatlas.board import outcome
from portatlas.board.project_list import give_ranges, ranges
from portatlas.board.project_list import projects as all_projects
from portatlas.board.project_ports import STATUSES, ProjectPorts, history
from portatlas.board.refusals import REFUSALS, tell
from portatlas.board.replies import by_post, reply
from portatlas.board.request_form import RequestForm
from portatlas.board.reservations import MAY, SEE, may_see
from portatlas.board.selection import link
from portatlas.contexts.reservations import batch, services
from portatlas.contexts.reservations.services import Actor
from portatlas.reserving.here import ground

PROJECTS = 100  # a page
SEE_RULES = "reservations.view_allocationrule"


@require_http_methods(["GET", "POST"])
@may_see
def projects(request: HttpRequest) -> HttpResponse:
    """List every project that has ports reserved; by POST, ask for ports for one."""
    form = _form(request)
    if form.is_bound and (done := _requested(request, form)):
        return done
    now = timezone.now()
    query = request.GET.get("q", "").replace("\x00", "").strip()[:100]
    found = all_projects(now, query)
    page = Paginator(found, PROJECTS).get_page(request.GET.get("page"))
    if request.user.has_perm(SEE_RULES):
        give_ranges(page.object_list)
    context = {
        "form": form,
        "query": query,
        "page": page,
        "ports": sum(each.counts.ports for each in found),
        "violated": sum(each.violated for each in found),
        **_steps(page, {"q": query}),
    }
    return render(request, "board/projects.html", context, status=_status(form))


@require_http_methods(["GET", "POST"])
@may_see
def project(request: HttpRequest, project: str) -> HttpResponse:
    """Show what a project has reserved, and what became of it; by POST, ask for more."""
    form = _form(request, project)
    if form.is_bound and (done := _requested(request, form)):
        return done
    now = timezone.now()
    host = request.GET.get("host", "").replace("\x00", "")[:64]
    status = request.GET.get("status", "")
    status = status if status in STATUSES else ""
    found = ProjectPorts.of(
        project, now, host=host, status=status, number=request.GET.get("page", "")
    )
    lines = history(project, now, host)
    by_rule = ranges([project])[project] if request.user.has_perm(SEE_RULES) else ()
    chosen = {"host": host, "status": status}
    context = {
        "form": form,
        "project": project,
        "ranges": by_rule,
        "found": found,
        "host": host,
        "status": status,
        "statuses": [(each, link(chosen, status=each.value)) for each in found.statuses],
        "hosts": [(each, link(chosen, host=each.value)) for each in found.hosts],
        "every_status_link": link(chosen, status=""),
        "every_host_link": link(chosen, host=""),
        "history": lines,
        "is_known": bool(lines or found.total or found.hosts),
        **_steps(found.page, chosen),
    }
    known = 200 if context["is_known"] or by_rule else 404
    return render(request, "board/project.html", context, status=_status(form, known))


@by_post
@permission_required((*SEE, MAY["delete"]), raise_exception=True)
def release(request: HttpRequest, project: str) -> HttpResponse:
    """Release the ports that were ticked, each as it was read, or all that the project has."""
    by, now, then = Actor.of(request.user), timezone.now(), resolve_url("project", project)
    if "all" in request.POST:
        if request.POST["all"] != project:
            text = f"Nothing was released: write the name of the project, {project}, to release all"
            return reply(request, f"{text} of its ports.", is_bad=True, then=then)
        count = services.release_project(project, by=by, at=now)
        ports = "1 port" if count == 1 else f"{count} ports"
        return reply(request, f"{ports} of {project} released.", then=then)
    said = filter(batch.is_revision, request.POST.getlist("port"))
    revisions = list(dict.fromkeys(said))[: services.MOST]
    if not revisions:
        text = "Nothing was released: tick the ports first."
        return reply(request, text, is_bad=True, then=then)
    done = batch.release(revisions, by=by, at=now).written
    left = len(revisions) - len(done)
    text = f"Released: {outcome.names(each.key for each in done)}." if done else ""
    if left:
        text += f" {left} changed meanwhile, and {'is' if left == 1 else 'are'} as before."
    return reply(request, text.strip(), is_bad=bool(left), then=then)


def _form(request: HttpRequest, project: str = "") -> RequestForm:
    data = request.POST if request.method == "POST" else None
    return RequestForm(data, here=settings.PORTATLAS_HOST_ID, project=project)


def _requested(request: HttpRequest, form: RequestForm) -> HttpResponse | None:
    """Reserve what was asked for; None where that can't be, which the form tells then."""
    if not request.user.has_perm(MAY["add"]):
        raise PermissionDenied
    if not form.is_valid():
        return None
    wanted = form.wanted
    try:
        given = ground().request(
            form.place, wanted, form.terms, by=Actor.of(request.user), at=timezone.now()
        )
    except REFUSALS as exc:
        tell(form, exc)
        return None
    text = f"Reserved for {wanted.project}: {outcome.names(each.key for each in given)}."
    return reply(request, text, then=resolve_url("project", wanted.project))


def _status(form: RequestForm, otherwise: int = 200) -> int:
    """Return the status of a page with a form that was sent, or was not."""
    if not form.is_bound:
        return otherwise
    return 409 if form.has_error("__all__", "refused") else 422


def _steps(page, chosen: dict) -> dict[str, str | bool]:
    return {
        "next_link": page.has_next() and link(chosen, page=page.next_page_number()),
        "previous_link": page.has_previous() and link(chosen, page=page.previous_page_number()),
    }
