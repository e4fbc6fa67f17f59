"""The same written into many notes at once: a page says what will change, and then it is done."""

from collections.abc import Iterable

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from notes import services
from notes.forms import Completed, TagsField, owners
from notes.models import PortNote, host_name
from notes.services import Key, Written
from portatlas.admin.preview import Preview
from portatlas.models import MAY_WRITE

AS_IT_IS = ("", "as it is")
TOO_MANY = f"At most {services.MOST} at once: choose fewer, or filter the list first."


class AnnotateForm(forms.Form):
    """What many notes shall say. A field that is left empty leaves each note as it is."""

    risk_level = forms.ChoiceField(
        label="Risk", required=False, choices=[AS_IT_IS, *PortNote.RiskLevel.choices]
    )
    owner = forms.CharField(
        required=False,
        max_length=PortNote._meta.get_field("owner").max_length,
        widget=Completed(owners),
        help_text="Who to ask about it.",
    )
    service_type = forms.ChoiceField(
        required=False, choices=[AS_IT_IS, *PortNote.ServiceType.choices]
    )
    expected_scope = forms.ChoiceField(
        label="May listen", required=False, choices=[AS_IT_IS, *PortNote.ExpectedScope.choices]
    )
    review_by = forms.DateField(
        required=False,
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
        help_text="When somebody should look again.",
    )
    add_tags = TagsField(
        required=False, help_text="Lower-case words, separated by commas, beside those it has."
    )

    def clean(self):
        cleaned = super().clean()
        if not self.errors and not any(cleaned.values()):
            raise ValidationError("Say at least one thing that the notes shall say.")
        return cleaned

    def changes(self) -> dict:
        return {
            name: value for name, value in self.cleaned_data.items() if value and name != "add_tags"
        }


def as_text(key: Key) -> str:
    return "/".join(map(str, key))


def read(texts: Iterable[str]) -> list[Key]:
    """Read keys back from a form, each once; what is no key of a port is left out."""
    keys = []
    for text in texts:
        host_id, protocol, port = ([*text.split("/"), "", ""])[:3]
        is_key = (
            host_name.regex.search(host_id)
            and len(host_id) <= 64
            and protocol in PortNote.Protocol.values
            and port.isascii()
            and port.isdecimal()
            and 1 <= int(port[:6]) <= 65535
        )
        if is_key:
            keys.append((host_id, protocol, int(port)))
    return list(dict.fromkeys(keys))


def said(written: Written, total: int) -> str:
    """
    Say what was done.

    >>> said(Written(created=1, changed=2), total=4)
    '1 note was made, 2 changed, 1 said it already.'
    """
    parts = [f"{written.created} {'note was' if written.created == 1 else 'notes were'} made"]
    parts.append(f"{written.changed} changed")
    if same := total - written.created - written.changed:
        parts.append(f"{same} said it already")
    return f"{', '.join(parts)}."


def ask(request: HttpRequest, keys: list[Key], form: AnnotateForm, back: str) -> HttpResponse:
    """Show what would be written into the notes of these ports, and a form that says what."""
    context = admin.site.each_context(request) | {
        "title": "Write the same into many notes",
        "opts": PortNote._meta,
        "form": form,
        "keys": [as_text(key) for key in keys],
        "preview": Preview.of(keys),
        "back": back,
    }
    return TemplateResponse(request, "admin/annotate.html", context)


def annotate(request: HttpRequest) -> HttpResponse:
    """Write what the form says into the notes of the ports that it names, or show it again."""
    if not request.user.has_perms(MAY_WRITE):
        raise PermissionDenied
    back = request.POST.get("back", "")
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure()):
        back = "admin:portatlas_port_changelist"
    keys = read(request.POST.getlist("key"))
    form = AnnotateForm(request.POST)
    if not keys or len(keys) > services.MOST:
        messages.error(request, TOO_MANY if keys else "No port was chosen: tick some first.")
        return redirect(back)
    if not form.is_valid():
        return ask(request, keys, form, back)
    written = services.annotate(
        keys,
        form.changes(),
        by=request.user,
        at=timezone.now(),
        add_tags=form.cleaned_data["add_tags"],
    )
    messages.success(request, said(written, len(keys)))
    return redirect(back)


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
        keys = list(queryset.values_list("host_id", "protocol", "port")[: services.MOST + 1])
        if len(keys) > services.MOST:
            self.message_user(request, TOO_MANY, messages.ERROR)
            return None
        form = AnnotateForm(initial=initial)
        form.fields[focus].widget.attrs["autofocus"] = True
        return ask(request, keys, form, request.get_full_path())
