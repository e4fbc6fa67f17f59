from django.contrib import admin

from notes.forms import NoteForm
from notes.models import PortNote


@admin.register(PortNote)
class PortNoteAdmin(admin.ModelAdmin):
    form = NoteForm
    list_display = ("port", "protocol", "host_id", "title", "owner", "risk_level", "updated_at")
    list_display_links = ("port", "title")
    list_filter = ("risk_level", "service_type", "host_id", "owner")
    search_fields = ("=port", "title", "owner", "description", "tags")
    readonly_fields = ("created_at", "created_by", "updated_at", "updated_by")
    fieldsets = (
        (None, {"fields": (("host_id", "protocol", "port"), "title", "description", "owner")}),
        ("Judgement", {"fields": ("service_type", "risk_level", "tags")}),
        ("Expectation", {"fields": ("expected_scope", "review_by")}),
        ("History", {"fields": ("created_at", "created_by", "updated_at", "updated_by")}),
    )

    def save_model(self, request, note, form, change):
        note.updated_by = request.user
        if not change:
            note.created_by = request.user
        super().save_model(request, note, form, change)
