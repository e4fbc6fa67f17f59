"""
Notes as files, in the admin: what the list shows is exported, and a file is imported.

An import is looked at first: a page says what would be written, and a button writes it. Between the
two the file is in the page itself, signed, so that nothing of it stays here; what is written is
what was looked at, or nothing.
"""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST

from notes.exchange import formats, report, services
from notes.exchange.document import Document
from notes.exchange.formats import Format
from notes.exchange.plan import Change, Plan
from notes.exchange.sources import Kind
from notes.models import PortNote, named
from notes.services import NoteChangedError
from portatlas.admin import upload
from portatlas.admin.csv_export import UNKNOWN
from portatlas.admin.upload import MOST_BYTES, TOO_LARGE, UploadForm
from portatlas.models import MAY_WRITE

MOST_SENT = MOST_BYTES + 64 * 1024  # bytes of a file with the rest of its form
MOST_CARRIED = 2_000_000  # characters of a file within a page; Django takes 2.5 million
SALT = "portatlas.admin.exchange"
HOUR = 3600
SHOWN = 200  # conflicts that are shown in full
LIST = "admin:notes_portnote_changelist"
IMPORT = "admin:notes_portnote_import"
TITLES = {
    "files": "Export notes",
    "import": "Import notes",
    "import_preview": "What would be imported",
}
TOO_LATE = "Nothing was written: it was looked at too long ago. Choose the file once more."
UNANSWERED = "Nothing was written: tick below that the file wins, or import nothing."
OTHER = (
    "Nothing was written: somebody changed these notes meanwhile. "
    "This is what would be written now."
)


@csrf_exempt  # to judge that a form is ours is to read it: what is too large is not, and _take does
def take(request: HttpRequest) -> HttpResponse:
    """Ask for a file, or say what would be written of the one that was sent."""
    if not request.user.has_perms(MAY_WRITE):
        raise PermissionDenied
    length = request.headers.get("Content-Length") or "0"
    if not length.isdecimal() or int(length) > MOST_SENT:
        return _too_large(request)
    return _take(request)


@csrf_protect
def _take(request: HttpRequest) -> HttpResponse:
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method != "POST" or not form.is_valid():
        return _page(request, "import", {"form": form})
    carried, content = form.cleaned_data["carried"], form.cleaned_data["content"]
    return _preview(request, carried, content, services.look(content.entries))


@require_POST
def confirm(request: HttpRequest) -> HttpResponse:
    """Write what was looked at, unless it would be something else by now."""
    if not request.user.has_perms(MAY_WRITE):
        raise PermissionDenied
    try:
        carried = signing.loads(request.POST.get("carried", ""), salt=SALT, max_age=HOUR)
    except signing.BadSignature:
        messages.error(request, TOO_LATE)
        return redirect(IMPORT)
    content = upload.content(carried)
    replace = "replace" in request.POST
    try:
        plan = services.write(
            content.entries,
            replace=replace,
            by=request.user,
            at=timezone.now(),
            reason=f"imported from {carried['name']}",
            agreed=carried["digest"],
        )
    except services.NotWrittenError as exc:
        why = UNANSWERED if exc.plan.digest == carried["digest"] else OTHER
        return _preview(request, carried, content, exc.plan, refused=why)
    except NoteChangedError as exc:
        why = f"{exc} {report.AGAIN}"
        return _preview(request, carried, content, services.look(content.entries), refused=why)
    messages.success(request, report.sentence(plan, replaced=True))
    return redirect(LIST)


def _preview(
    request: HttpRequest,
    carried: dict[str, Any],
    content: Document,
    plan: Plan,
    *,
    refused: str = "",
) -> HttpResponse:
    """Say what would be written; where it is asked again, why nothing was."""
    kept = signing.dumps(carried | {"digest": plan.digest}, salt=SALT, compress=True)
    if len(kept) > MOST_CARRIED:
        return _too_large(request)
    context = {
        "name": carried["name"],
        "remarks": content.remarks,
        "sentence": report.sentence(plan, replaced=False),
        "new": [
            {"name": named(change.key), "title": change.values.get("title", "")}
            for change in plan.new[: report.MOST_NEW]
        ],
        "unnamed": max(0, len(plan.new) - report.MOST_NEW),
        "conflicts": [_conflict(change) for change in plan.conflicts[:SHOWN]],
        "unshown": max(0, len(plan.conflicts) - SHOWN),
        "writes": len(plan.new) + len(plan.conflicts),
        "unit": Kind(carried["kind"]).unit,
        "refused": refused,
        "carried": kept,
    }
    return _page(request, "import_preview", context)


def _conflict(change: Change) -> dict[str, Any]:
    rows = [
        (name, report.value(ours), report.value(theirs))
        for name, ours, theirs in change.differences
    ]
    return {"name": named(change.key), "line": change.line, "rows": rows}


def _too_large(request: HttpRequest) -> HttpResponse:
    return _page(request, "import", {"form": UploadForm(), "refused": TOO_LARGE}, status=413)


def _page(
    request: HttpRequest, name: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    said = {"title": TITLES[name], "opts": PortNote._meta} | context
    return TemplateResponse(
        request,
        f"admin/notes/portnote/{name}.html",
        admin.site.each_context(request) | said,
        status=status,
    )


class Exchanged(admin.ModelAdmin):
    """A list of notes that goes out as files, and into which files come."""

    def get_urls(self):
        view = self.admin_site.admin_view
        return [
            path("files/", view(self.files), name="notes_portnote_files"),
            path("files/<str:form>/", view(self.file), name="notes_portnote_file"),
            path("import/", view(take), name="notes_portnote_import"),
            path("import/confirm/", view(confirm), name="notes_portnote_import_confirm"),
            *super().get_urls(),
        ]

    def changelist_view(self, request, extra_context=None):
        may = {"may_import": request.user.has_perms(MAY_WRITE)}
        return super().changelist_view(request, may | (extra_context or {}))

    def files(self, request: HttpRequest) -> HttpResponse:
        """Offer the notes that the list shows, with the same query behind its address, as files."""
        rows = self._shown(request)
        if isinstance(rows, HttpResponseRedirect):
            return rows
        query = request.GET.urlencode()
        return _page(
            request, "files", {"count": rows.count(), "query": f"?{query}" if query else ""}
        )

    def file(self, request: HttpRequest, form: str) -> HttpResponse:
        """Return the notes that the list shows as a file that can be imported again."""
        if form not in list(Format):
            raise Http404("There is no such format.")
        rows = self._shown(request)
        if isinstance(rows, HttpResponseRedirect):
            return rows
        data = formats.dump(services.collect(rows), Format(form))
        disposition = f'attachment; filename="portatlas-notes.{form}"'
        return HttpResponse(
            data,
            content_type=Format(form).content_type,
            headers={"Content-Disposition": disposition},
        )

    def _shown(self, request: HttpRequest):
        """Return the notes that a list shows, or whereto one goes who asks for a wrong list."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            return self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:
            messages.error(request, UNKNOWN)
            return redirect(LIST)
