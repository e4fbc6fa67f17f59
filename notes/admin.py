"""The admin of notes: written, restored and deleted through the services, never over another's."""

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from simple_history.admin import SimpleHistoryAdmin

from notes import services
from notes.forms import NoteForm
from notes.models import PortNote

TAKEN = (services.NoteChangedError, services.NoteExistsError)


@admin.register(PortNote)
class PortNoteAdmin(SimpleHistoryAdmin):
    form = NoteForm
    list_display = ("port", "protocol", "host_id", "title", "owner", "risk_level", "updated_at")
    list_display_links = ("port", "title")
    list_filter = ("risk_level", "service_type", "host_id", "owner")
    search_fields = ("=port", "host_id", "title", "owner", "description", "tags")
    readonly_fields = ("created_at", "created_by", "updated_at", "updated_by")
    object_history_list_template = "admin/notes/portnote/history_list.html"
    fieldsets = (
        (None, {"fields": (("host_id", "protocol", "port"), "title", "description", "owner")}),
        ("Judgement", {"fields": ("service_type", "risk_level", "tags")}),
        ("Expectation", {"fields": ("expected_scope", "review_by", "seen")}),
        ("Written", {"fields": ("created_at", "created_by", "updated_at", "updated_by")}),
    )

    def save_model(self, request, note, form, change):
        services.save(note, by=request.user, seen=form.cleaned_data["seen"])

    def delete_model(self, request, note):
        read = request.POST.get("seen", "")
        services.delete(note, by=request.user, seen=int(read) if read.isdecimal() else note.version)

    def delete_queryset(self, request, queryset):
        """Delete what was chosen, however much; `changelist_view` has it all or nothing."""
        notes, now = list(queryset), timezone.now()
        for start in range(0, len(notes), services.MOST):
            services.delete_many(notes[start : start + services.MOST], by=request.user, at=now)

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        """
        Show the form again when somebody was faster, with what was typed.

        The form itself tells who it was; only between its judgement and the lock is there a gap,
        and what came through that is judged once more.
        """
        ask = super().changeform_view
        if request.method != "POST":
            return ask(request, object_id, form_url, extra_context)
        try:
            return ask(request, self._still_there(request, object_id), form_url, extra_context)
        except TAKEN:
            return ask(request, self._still_there(request, object_id), form_url, extra_context)

    def _still_there(self, request, object_id: str | None) -> str | None:
        """Return None for a note that was deleted: what was typed is about a new one then."""
        if object_id and self.get_object(request, unquote(object_id)) is None:
            return None
        return object_id

    def delete_view(self, request, object_id, extra_context=None):
        try:
            return super().delete_view(request, object_id, extra_context)
        except services.NoteChangedError as exc:
            messages.error(request, f"{exc} It was not deleted: read it again first.")
            return redirect("admin:notes_portnote_change", object_id)

    def changelist_view(self, request, extra_context=None):
        """Delete all of the chosen notes, or none if somebody changed one meanwhile."""
        if request.method != "POST":
            return super().changelist_view(request, extra_context)
        try:
            with transaction.atomic():
                return super().changelist_view(request, extra_context)
        except services.NoteChangedError as exc:
            messages.error(request, f"{exc} Nothing was deleted.")
            return redirect(request.get_full_path())

    def history_view(self, request, object_id, extra_context=None):
        _number(object_id)
        return super().history_view(request, object_id, extra_context)

    def history_form_view(self, request, object_id, version_id, extra_context=None):
        """Show an earlier version to whoever may read; to bring it back is to change the note."""
        if request.method == "POST" and not self.has_change_permission(request):
            raise PermissionDenied  # simple_history lets everybody save who may read
        _number(object_id)
        _number(version_id)
        try:
            return super().history_form_view(request, object_id, version_id, extra_context)
        except TAKEN as exc:
            messages.error(request, f"{exc} Nothing was saved.")
            return redirect(reverse("admin:notes_portnote_changelist"))


def _number(text: str) -> None:
    """Raise Http404 for an address that names no row."""
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise Http404("There is no such note.")
