"""The list of ports: every observed port beside what is remembered of it."""

from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin.views.main import ORDER_VAR
from django.forms import BaseInlineFormSet
from django.utils import timezone
from django.utils.html import format_html

from collector.admin import ReadOnlyAdmin
from collector.models import PortEvent
from portatlas.admin import facts, filters, linked
from portatlas.admin.bulk import BulkActions
from portatlas.admin.columns import OF_PORTS
from portatlas.admin.csv_export import Exported
from portatlas.admin.facets import FacetedChangeList, KeysFirst
from portatlas.admin.saved_views import current
from portatlas.admin.sorting import first_said, said, urgency
from portatlas.board import owners
from portatlas.models import SEE_PORTS, Port, SavedView
from portatlas.words import ago, span

EVENTS = 50  # the last ones, on the page of a port
FACTS = {
    "How it stands": ("state_told", "memory"),
    "Where it listens": ("reach_told", "addresses", "well_known"),
    "Who holds it": (
        "held_by",
        "holding",
        "process_name",
        "pids_told",
        "user",
        "command",
        "exe",
        "started",
        "unit",
        "socket_unit",
        "container_name",
        "image",
    ),
    "When": ("up_for", "last_seen", "disappeared", "first_seen"),
}


class LastEvents(BaseInlineFormSet):
    """The newest events alone: a port that flaps has thousands."""

    def get_queryset(self):
        if not hasattr(self, "_last"):
            self._last = super().get_queryset()[:EVENTS]
        return self._last


class Timeline(admin.TabularInline):
    model = PortEvent
    formset = LastEvents
    verbose_name_plural = f"Timeline: the last {EVENTS} events"
    fields = readonly_fields = ("when", "event_type", "changed", "pid", "cause")
    extra = max_num = 0
    can_delete = False

    def has_add_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    @admin.display(description="when (UTC)")
    def when(self, event):
        return linked.moment(event.timestamp)

    @admin.display(description="what changed")
    def changed(self, event):
        return facts.changes_in_words(event)


class PortChangeList(FacetedChangeList):
    """A list that is sorted by severity, the most urgent first, until somebody wants another."""

    def get_ordering_field_columns(self):
        if ORDER_VAR in self.params:
            return super().get_ordering_field_columns()
        return {self.list_display.index("state_shown"): "asc"}


@admin.register(Port)
class PortAdmin(BulkActions, Exported, ReadOnlyAdmin):
    list_display = (
        "number",
        "state_shown",
        "memory",
        "owner",
        "risk",
        "held_by",
        "host_page",
        "reach_told",
        "last_seen",
    )
    list_filter = filters.OF_PORTS
    list_per_page = 50
    paginator = KeysFirst
    search_fields = ("port",)  # has the field shown; `get_search_results` has the say
    search_help_text = "Number, process, command, unit, container, title, owner or tag."
    actions = (*BulkActions.actions, "export_selected")
    show_facets = admin.ShowFacets.ALWAYS
    show_full_result_count = False
    inlines = (Timeline,)
    csv_name, csv_columns = "ports", OF_PORTS
    csv_related = ("note", "host")

    def has_view_permission(self, request, obj=None):
        return request.user.has_perms(SEE_PORTS)

    def get_queryset(self, request):
        # Not through super(), which would order by the severity before it is annotated.
        return Port.objects.with_state(timezone.now()).select_related("note", "host")

    def get_changelist(self, request, **options):
        return PortChangeList

    def get_search_results(self, request, queryset, search_term):
        return queryset.search(search_term), False

    def get_ordering(self, request):
        return ("severity", "port", "protocol", "host")

    def get_fieldsets(self, request, obj=None):
        """Leave out what nothing is known of."""
        return [
            (heading, {"fields": [name for name in names if self._told(name, obj)]})
            for heading, names in FACTS.items()
        ]

    def _told(self, name, port):
        of_port = getattr(self, name, None)
        return of_port(port) if of_port else getattr(port, name)

    def changelist_view(self, request, extra_context=None):
        query = current(request)
        extra = {
            "views": SavedView.objects.all(),
            "query": query,
            "save_query": urlencode({"query": query}),
        }
        return super().changelist_view(request, extra | (extra_context or {}))

    def view_on_site(self, port):
        return linked.port_address(port)

    @admin.display(description="port", ordering="port")
    def number(self, port):
        return f"{port.port}/{port.protocol}"

    @admin.display(description="state", ordering="severity")
    def state_shown(self, port):
        return linked.state_badge(port)

    @admin.display(description="note", ordering=said("note__title"))
    def memory(self, port):
        return linked.note_link(port)

    @admin.display(description="owner", ordering=said("note__owner"))
    def owner(self, port):
        return port.note.owner if port.note else ""

    @admin.display(description="risk", ordering=urgency("note__risk_level"))
    def risk(self, port):
        return port.note.get_risk_level_display() if port.note else ""

    @admin.display(
        description="held by",
        ordering=first_said("compose_service", "container_name", "process_name"),
    )
    def held_by(self, port):
        return owners.holder(port)

    @admin.display(description="host", ordering="host")
    def host_page(self, port):
        return linked.host_link(port.host_id)

    @admin.display(description="reach", ordering="scope")
    def reach_told(self, port):
        return port.reach

    @admin.display(description="last seen")
    def last_seen(self, port):
        return ago(port.seen_at, timezone.now())

    @admin.display(description="state")
    def state_told(self, port):
        return format_html("{} {}.", linked.state_badge(port), port.reason)

    @admin.display(description="how")
    def holding(self, port):
        return owners.holding(port)

    @admin.display(description="pid")
    def pids_told(self, port):
        return ", ".join(map(str, port.pids))

    @admin.display(description="up for")
    def up_for(self, port):
        return "" if port.uptime is None else span(port.uptime)

    @admin.display(description="command")
    def command(self, port):
        return port.cmdline

    @admin.display(description="started (UTC)")
    def started(self, port):
        return linked.moment(port.process_started_at)

    @admin.display(description="disappeared (UTC)")
    def disappeared(self, port):
        return linked.moment(port.last_disappeared_at)

    @admin.display(description="first seen (UTC)")
    def first_seen(self, port):
        return linked.moment(port.first_seen_at)
