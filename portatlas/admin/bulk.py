"""The same written into many notes at once: a page says what will change, and then it is done."""

from functools import partial

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone

from notes import services
from notes.forms import AnnotateForm
from notes.models import PortNote
from notes.services import Key, Written
from portatlas.admin.preview import Preview
from portatlas.board import outcome, tokens
from portatlas.board.replies import back
from portatlas.models import KEY, MAY_WRITE

NONE_CHOSEN = "No port was chosen: tick some first."
TOO_MANY = f"At most {services.MOST} at once: choose fewer, or filter the list first."


_parse = partial(tokens.parse, or_every_host=True)  # a list of notes has those too


def said(written: Written, total: int) -> str:
    """
    Say what was done with so many ports.

    >>> said(Written(created=1, changed=2), total=4)
    '1 note was made, 2 changed, 1 said it already.'
    """
    parts = [f"{written.created} {'note was' if written.created == 1 else 'notes were'} made"]
    parts.append(f"{written.changed} changed")
    if same := total - written.created - written.changed - len(written.refused):
        parts.append(f"{same} said it already")
    return f"{', '.join(parts)}{outcome.before(written)}."


def left(written: Written) -> str:
    """
    Say which notes were left alone, because somebody else was faster.

    >>> left(Written(0, 0, refused=(("atlas", "tcp", 80), ("*", "udp", 53))))
    'Left alone: 80/tcp on atlas, 53/udp on every host. Somebody else changed them meanwhile.'
    """
    return f"Left alone: {outcome.names(written.refused)}. Somebody else changed them meanwhile."


def ask(
    request: HttpRequest,
    form: AnnotateForm,
    preview: Preview,
    seen: dict[Key, int],
    came_from: str,
) -> HttpResponse:
    """
    Show what would be written into the notes of ports, and a form that says what.

    `seen` are the versions of the notes that were read: what is written later is not written over
    any others.
    """
    context = admin.site.each_context(request) | {
        "title": "Write the same into many notes",
        "opts": PortNote._meta,
        "form": form,
        "keys": [tokens.text(*each) for each in seen.items()],
        "preview": preview,
        "back": came_from,
    }
    return TemplateResponse(request, "admin/annotate.html", context)


def annotate(request: HttpRequest) -> HttpResponse:
    """Write what the form says into the notes of the ports that it names, or show it again."""
    if not request.user.has_perms(MAY_WRITE):
        raise PermissionDenied
    seen = dict(filter(None, map(_parse, request.POST.getlist("key"))))
    if not seen or len(seen) > services.MOST:
        messages.error(request, TOO_MANY if seen else NONE_CHOSEN)
        return HttpResponseRedirect(back(request))
    form = AnnotateForm(request.POST)
    if written := form.write(seen, by=request.user, at=timezone.now(), seen=seen):
        return _told(request, written, len(seen))
    return ask(request, form, Preview.of(list(seen)), seen, back(request))


def _told(request: HttpRequest, written: Written, total: int) -> HttpResponse:
    if len(written.refused) < total:
        messages.success(request, said(written, total))
    if written.refused:
        messages.error(request, left(written))
    return HttpResponseRedirect(back(request))


class BulkActions(admin.ModelAdmin):
    """The actions that lead from a list of ports, or of notes, to the page that asks."""

    actions = ("annotate", "assign_owner", "mark_trusted", "mark_expected", "mark_suspicious")

    def has_annotate_permission(self, request):
        return request.user.has_perms(MAY_WRITE)

    @admin.action(description="Annotate…", permissions=["annotate"])
    def annotate(self, request, queryset):
        return self._ask(request, queryset)

    @admin.action(description="Assign owner…", permissions=["annotate"])
    def assign_owner(self, request, queryset):
        return self._ask(request, queryset, focus="owner")

    @admin.action(description="Mark trusted…", permissions=["annotate"])
    def mark_trusted(self, request, queryset):
        return self._ask(request, queryset, risk_level=PortNote.RiskLevel.TRUSTED)

    @admin.action(description="Mark expected…", permissions=["annotate"])
    def mark_expected(self, request, queryset):
        return self._ask(request, queryset, risk_level=PortNote.RiskLevel.EXPECTED)

    @admin.action(description="Mark suspicious…", permissions=["annotate"])
    def mark_suspicious(self, request, queryset):
        return self._ask(request, queryset, risk_level=PortNote.RiskLevel.SUSPICIOUS)

    def _ask(self, request, queryset, focus="risk_level", **initial):
        keys = list(queryset.values_list(*KEY)[: services.MOST + 1])
        if len(keys) > services.MOST:
            self.message_user(request, TOO_MANY, messages.ERROR)
            return None
        form = AnnotateForm(initial=initial)
        form.fields[focus].widget.attrs["autofocus"] = True
        preview = Preview.of(keys)
        return ask(request, form, preview, preview.versions, request.get_full_path())
