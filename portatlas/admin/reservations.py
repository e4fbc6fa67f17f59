"""Reservations in the light of facts: how each stands, and what speaks against a new one."""

from django import forms
from django.contrib import admin
from django.db.models import Case, F, Value, When
from django.urls import NoReverseMatch
from django.utils import timezone
from django.utils.html import format_html

from portatlas.admin import linked
from portatlas.admin.facets import FacetedChangeList, FacetFilter, KeysFirst
from portatlas.admin.filters import FieldFilter, HostFilter, ProtocolFilter
from portatlas.admin.sorting import SaidFirst, said
from portatlas.bookings import BookingQuerySet, Status
from portatlas.contexts.reservations.admin import ReservationAdmin as Plain
from portatlas.contexts.reservations.admin import ReservationEventAdmin as PlainHistory
from portatlas.contexts.reservations.admin import history_address
from portatlas.contexts.reservations.forms import ReservationForm
from portatlas.contexts.reservations.models import Reservation, ReservationEvent
from portatlas.contexts.reservations.values import EVERY_HOST, where
from portatlas.reserving.here import ground
from portatlas.reserving.history_words import in_words

# The state of a port whose mark and colour tell best how a reservation stands.
LOOKS_AS = {
    Status.VIOLATED: "suspicious",
    Status.IN_USE: "healthy",
    Status.STALE: "flapping",
    Status.RESERVED: "known",
}


class StatusFilter(FacetFilter):
    title = "status"
    parameter_name = "status"
    column = "stands"
    labels = {each.value: f"{each.value}: {each.meaning}" for each in LOOKS_AS}

    def queryset(self, request, queryset):
        return queryset.in_status(self.value()) if self.value() else queryset


class ProjectFilter(FieldFilter):
    title = "project"
    parameter_name = "project"
    column = "project"


class GroundedForm(ReservationForm):
    """A reservation that may be made although a program holds the port, if that is said."""

    even_if_held = forms.BooleanField(
        label="Although it is in use",
        required=False,
        help_text="Reserve it even if a program listens on it or has bound it.",
    )


@linked.in_place_of(Reservation)
class ReservationAdmin(Plain):
    form = GroundedForm
    list_display = (
        "number",
        "status",
        "project",
        "at_host",
        "until",
        "who",
        "since",
        "lines",
    )
    list_display_links = ("number",)
    list_filter = (StatusFilter, ProjectFilter, HostFilter, ProtocolFilter)
    list_per_page = 50
    paginator = KeysFirst
    show_facets = admin.ShowFacets.ALWAYS
    readonly_fields = (*Plain.readonly_fields, "standing")
    new = ("If a program holds it", {"fields": ("even_if_held",)})
    stands = ("How it stands", {"fields": ("standing",)})

    def get_queryset(self, request):
        found = BookingQuerySet(Reservation).order_by(*Reservation._meta.ordering)
        return found.with_status(timezone.now())

    def get_changeform_initial_data(self, request):
        return {"host_id": ground().here} | super().get_changeform_initial_data(request)

    def get_changelist(self, request, **options):
        return FacetedChangeList

    def get_fieldsets(self, request, obj=None):
        first, *others = super().get_fieldsets(request, obj)
        return (first, self.stands if obj else self.new, *others)

    def reserve(self, wanted, form, *, by, at):
        held = form.cleaned_data["even_if_held"]
        return ground().reserve(wanted, by=by, at=at, even_if_held=held)

    def renew(self, key, said, *, by, at, seen):
        return ground().renew(key, said, by=by, at=at, seen=seen)

    def view_on_site(self, reservation):
        """Link to the page of the port, unless it is one of every host."""
        if reservation.host_id == EVERY_HOST:
            return None
        try:
            return linked.port_address(reservation)
        except NoReverseMatch:
            return None

    @admin.display(description="port", ordering="port")
    def number(self, reservation):
        return f"{reservation.port}/{reservation.protocol}"

    @admin.display(
        ordering=Case(*(When(stands=each, then=Value(n)) for n, each in enumerate(Status)))
    )
    def status(self, reservation):
        return badge(Status(reservation.stands))

    @admin.display(description="host", ordering="host_id")
    def at_host(self, reservation):
        return where(reservation.host_id)

    @admin.display(description="until (UTC)", ordering=SaidFirst(F("expires_at")))
    def until(self, reservation):
        return linked.moment(reservation.expires_at)

    @admin.display(description="reserved by", ordering=said("requested_by"))
    def who(self, reservation):
        return reservation.requested_by

    @admin.display(description="since (UTC)", ordering="reserved_at")
    def since(self, reservation):
        return linked.moment(reservation.reserved_at)

    @admin.display(description="history")
    def lines(self, reservation):
        return format_html('<a href="{}">History</a>', history_address(reservation))

    @admin.display(description="status")
    def standing(self, reservation):
        status = Status(reservation.stands)
        return format_html("{} {}.", badge(status), status.meaning)


@linked.in_place_of(ReservationEvent)
class ReservationEventAdmin(PlainHistory):
    list_display = ("when", "number", "at_host", "action", "project", "who", "told")
    list_display_links = ("when",)
    list_per_page = 50

    @admin.display(description="when (UTC)", ordering="at")
    def when(self, event):
        return linked.moment(event.at)

    @admin.display(description="port", ordering="port")
    def number(self, event):
        return f"{event.port}/{event.protocol}"

    @admin.display(description="host", ordering="host_id")
    def at_host(self, event):
        return where(event.host_id)

    @admin.display(description="by", ordering=said("performed_by"))
    def who(self, event):
        return event.performed_by or f"observed on {event.seen_on or event.host_id}"

    @admin.display(description="details")
    def told(self, event):
        return in_words(event.details)


def badge(status: Status):
    """Say how a reservation stands by mark, word and colour."""
    css = f"state state--{LOOKS_AS[status]}"
    return format_html('<span class="{}">{}</span>', css, status.value)
