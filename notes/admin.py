from django.contrib import admin

from notes import services
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
        ("Expectation", {"fields": ("expected_scope", "review_by", "seen")}),
        ("History", {"fields": ("created_at", "created_by", "updated_at", "updated_by")}),
    )

    def save_model(self, request, note, form, change):
        services.save(note, by=request.user, seen=form.cleaned_data["seen"])

    def delete_model(self, request, note):
        services.delete(note, by=request.user, seen=note.version)

    def delete_queryset(self, request, queryset):
        for note in queryset:
            self.delete_model(request, note)
