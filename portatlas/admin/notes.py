"""The list of notes, beside how the ports stand that they are about."""

import json

from django.contrib import admin
from django.db.models import F, TextField
from django.db.models.functions import Cast
from django.urls import NoReverseMatch, path
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from notes.admin import PortNoteAdmin as Plain
from notes.models import PortNote, where
from portatlas.admin import bulk, filters, linked
from portatlas.admin.columns import OF_NOTES
from portatlas.admin.csv_export import Exported
from portatlas.admin.exchange import Exchanged
from portatlas.admin.facets import FacetedChangeList, FacetFilter
from portatlas.admin.sorting import SaidFirst, said, urgency
from portatlas.models import SEE_PORTS, Port
from portatlas.querysets import has_tag


class TagFilter(FacetFilter):
    title = "tag"
    parameter_name = "tag"

    def expression(self):
        return Cast("tags", TextField())  # a list can't be counted, its text can

    def keys(self, value):
        return tuple(json.loads(value))

    def queryset(self, request, queryset):
        tag = self.value()
        return queryset.filter(has_tag(tag)) if tag else queryset


class NoteChangeList(FacetedChangeList):
    """A page of notes, with the ports of their keys in one query."""

    def get_results(self, request):
        super().get_results(request)
        self.result_list = list(self.result_list)
        keys = [note.key for note in self.result_list if not note.speaks_for_every_host]
        ports = (
            Port.objects.with_state(timezone.now())
            .select_related("host")
            .filter(host_id__in={key[0] for key in keys}, port__in={key[2] for key in keys})
        )
        found = {(port.host_id, *port.key): port for port in ports}
        for note in self.result_list:
            note.fact = found.get(note.key)


@linked.in_place_of(PortNote)
class PortNoteAdmin(bulk.BulkActions, Exchanged, Exported, Plain):
    list_display = (
        "number",
        "where",
        "called",
        "state",
        "said_owner",
        "risk",
        "service_type",
        "words",
        "review",
        "changed",
        "changed_by",
    )
    list_display_links = ("number", "called")
    list_filter = (
        filters.RiskFilter,
        filters.OwnerFilter,
        filters.TypeFilter,
        filters.HostFilter,
        TagFilter,
        filters.ReviewFilter,
    )
    list_select_related = ("updated_by",)
    list_per_page = 50
    actions = (*bulk.BulkActions.actions, "export_selected")
    show_facets = admin.ShowFacets.ALWAYS
    show_full_result_count = False
    csv_name, csv_columns = "notes", OF_NOTES
    csv_related = ("created_by", "updated_by")

    def get_urls(self):
        annotate = self.admin_site.admin_view(require_POST(bulk.annotate))
        return [path("annotate/", annotate, name="notes_portnote_annotate"), *super().get_urls()]

    def get_changelist(self, request, **options):
        return NoteChangeList

    def get_list_display(self, request):
        """Show how the ports stand to whom may see ports."""
        may_see = request.user.has_perms(SEE_PORTS)
        return [name for name in self.list_display if may_see or name != "state"]

    def view_on_site(self, note):
        """Link to the page of the port, unless what was typed into the form names none."""
        if note.speaks_for_every_host:
            return None
        try:
            return linked.port_address(note)
        except NoReverseMatch:
            return None

    @admin.display(description="port", ordering="port")
    def number(self, note):
        return f"{note.port}/{note.protocol}"

    @admin.display(description="host", ordering="host_id")
    def where(self, note):
        return where(note.host_id)

    @admin.display(description="title", ordering=said("title"))
    def called(self, note):
        return note.title or "Untitled"

    @admin.display(description="state")
    def state(self, note):
        if note.speaks_for_every_host:
            return ""
        if note.fact is None:
            return "never seen"
        return linked.state_badge(note.fact)

    @admin.display(description="owner", ordering=said("owner"))
    def said_owner(self, note):
        return note.owner

    @admin.display(description="risk", ordering=urgency("risk_level"))
    def risk(self, note):
        return note.get_risk_level_display()

    @admin.display(description="tags")
    def words(self, note):
        return ", ".join(note.tags)

    @admin.display(description="review by", ordering=SaidFirst(F("review_by")))
    def review(self, note):
        if note.is_stale(timezone.now().date()):
            return format_html('<span class="overdue">{} overdue</span>', note.review_by)
        return note.review_by or ""

    @admin.display(description="changed (UTC)", ordering="updated_at")
    def changed(self, note):
        return linked.moment(note.updated_at)

    @admin.display(description="updated by", ordering=said("updated_by__username"))
    def changed_by(self, note):
        return note.updated_by
