from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import F
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from collector.admin import ReadOnlyAdmin
from portatlas.board import owners
from portatlas.board.words import ago
from portatlas.models import KEY, SEE_PORTS, Port
from portatlas.states import PortState

admin.site.site_header = admin.site.site_title = "Port Atlas"
admin.site.index_title = "Facts and memory"


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request, model_admin):
        return PortState.choices

    def queryset(self, request, queryset):
        return queryset.in_state(self.value()) if self.value() else queryset


class ClientFilter(admin.SimpleListFilter):
    title = "client socket"
    parameter_name = "client"

    def lookups(self, request, model_admin):
        return [("yes", "yes"), ("no", "no")]

    def queryset(self, request, queryset):
        match self.value():
            case "yes":
                return queryset.clients()
            case "no":
                return queryset.without_clients()
        return queryset


@admin.register(Port)
class PortAdmin(ReadOnlyAdmin):
    """The atlas: every observed port beside what we remember of it."""

    list_display = (
        "port",
        "protocol",
        "state",
        "memory",
        "holder",
        "host",
        "scope",
        "last_seen",
    )
    list_filter = (StateFilter, "protocol", "host", "scope", "note__owner", ClientFilter)
    list_select_related = ("note", "host")
    list_per_page = 100
    search_fields = (
        "=port",
        "process_name",
        "cmdline",
        "unit",
        "socket_unit",
        "container_name",
        "image",
        "compose_service",
        "note__title",
        "note__owner",
    )
    show_full_result_count = False

    def has_view_permission(self, request, obj=None):
        return request.user.has_perms(SEE_PORTS)

    def get_queryset(self, request):
        # Not through super(), which would order by the severity before it is annotated.
        return Port.objects.with_state(timezone.now())

    def get_ordering(self, request):
        return ("severity", "port", "protocol", "host")

    @admin.display(ordering="severity")
    def state(self, port):
        return format_html(
            '<span class="state state--{}">{}</span>', port.state.value, port.state.label
        )

    @admin.display(description="held by", ordering="process_name")
    def holder(self, port):
        return owners.holder(port)

    @admin.display(description="last seen")
    def last_seen(self, port):
        return ago(port.seen_at, timezone.now())

    @admin.display(description="note", ordering=F("note__title").asc(nulls_last=True))
    def memory(self, port):
        """Link to the note, or to a form for one with the key filled in."""
        if port.note:
            address = reverse("admin:notes_portnote_change", args=[port.note.pk])
            return format_html('<a href="{}">{}</a>', address, port.note.title)
        query = urlencode({field: getattr(port, field) for field in KEY})
        address = reverse("admin:notes_portnote_add")
        return format_html('<a href="{}?{}">Write a note</a>', address, query)
