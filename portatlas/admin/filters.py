"""The filters of the list of ports, and those that it shares with the list of notes."""

from django.db.models import Case, CharField, F, Q, Value, When
from django.utils import timezone

from collector.sweep import Protocol
from notes.models import EVERY_HOST, PortNote
from portatlas import states
from portatlas.admin.facets import NOTHING, FacetFilter
from portatlas.models import REACH
from portatlas.states import PortState


def words(*cases: When, default: str = NOTHING) -> Case:
    return Case(*cases, default=Value(default), output_field=CharField())


class StateFilter(FacetFilter):
    title = "state"
    parameter_name = "state"
    column = "severity"
    labels = dict(PortState.choices)

    def keys(self, value):
        return (states.BY_SEVERITY[value].state.value,)

    def queryset(self, request, queryset):
        return queryset.in_state(self.value()) if self.value() else queryset


class ClientFilter(FacetFilter):
    title = "client socket"
    parameter_name = "client"
    labels = {"yes": "yes", "no": "no"}

    def expression(self):
        return words(When(states.client(), then=Value("yes")), default="no")

    def queryset(self, request, queryset):
        match self.value():
            case "yes":
                return queryset.clients()
            case "no":
                return queryset.without_clients()
        return queryset


class FieldFilter(FacetFilter):
    """A filter by a field that may be empty."""

    def queryset(self, request, queryset):
        match self.value():
            case None | "":
                return queryset
            case value if value == NOTHING:
                empty = Q(**{self.column: ""}) | Q(**{f"{self.column}__isnull": True})
                return queryset.filter(empty)
            case value:
                return queryset.filter(**{self.column: value})


class ReachFilter(FieldFilter):
    title = "reach"
    parameter_name = "reach"
    column = "scope"
    labels = REACH


class ProtocolFilter(FieldFilter):
    title = "protocol"
    parameter_name = "protocol"
    column = "protocol"
    labels = {each.value: each.value for each in Protocol}


class HostFilter(FieldFilter):
    title = "host"
    parameter_name = "host"
    column = "host_id"
    labels = {EVERY_HOST: "every host"}

    def keys(self, value):
        return (value,)


class OwnerFilter(FieldFilter):
    title = "owner"
    parameter_name = "owner"
    column = "owner"
    nothing = "nobody"


class RiskFilter(FieldFilter):
    title = "risk"
    parameter_name = "risk"
    column = "risk_level"
    labels = {each.value: each.label for each in reversed(PortNote.RiskLevel)}
    nothing = "no note"


class TypeFilter(FieldFilter):
    title = "service type"
    parameter_name = "type"
    column = "service_type"
    labels = dict(PortNote.ServiceType.choices)
    nothing = "no note"


class ReviewFilter(FacetFilter):
    """Knowledge ages: whether somebody should have looked at the note again."""

    title = "review"
    parameter_name = "review"
    column = "review_by"
    labels = {"stale": "overdue", "later": "later"}
    nothing = "no date"

    def expression(self):
        # Not the dates themselves: each would be made an object, to be thrown away.
        return words(
            When(**{f"{self.column}__lt": timezone.now().date()}, then=Value("stale")),
            When(**{f"{self.column}__isnull": False}, then=Value("later")),
        )

    def queryset(self, request, queryset):
        today = timezone.now().date()
        match self.value():
            case "stale":
                return queryset.filter(**{f"{self.column}__lt": today})
            case "later":
                return queryset.filter(**{f"{self.column}__gte": today})
            case value if value == NOTHING:
                return queryset.filter(**{f"{self.column}__isnull": True})
        return queryset


class OwnerOfPort(OwnerFilter):
    column = "note__owner"


class RiskOfPort(RiskFilter):
    column = "note__risk_level"


class TypeOfPort(TypeFilter):
    column = "note__service_type"


class ReviewOfPort(ReviewFilter):
    column = "note__review_by"


class SpokenForFilter(FacetFilter):
    """Which note speaks for a port: its own, or the one for every host."""

    title = "note"
    parameter_name = "note"
    column = "note__host_id"
    labels = {"own": "of this host", "inherited": "for every host"}

    def expression(self):
        return words(
            When(note__host_id=EVERY_HOST, then=Value("inherited")),
            When(note__host_id=F("host_id"), then=Value("own")),
        )

    def queryset(self, request, queryset):
        match self.value():
            case "inherited":
                return queryset.filter(note__host_id=EVERY_HOST)
            case "own":
                return queryset.filter(note__host_id=F("host_id"))
            case value if value == NOTHING:
                return queryset.filter(note__isnull=True)
        return queryset


OF_PORTS = (
    StateFilter,
    RiskOfPort,
    OwnerOfPort,
    TypeOfPort,
    ReachFilter,
    HostFilter,
    ProtocolFilter,
    SpokenForFilter,
    ReviewOfPort,
    ClientFilter,
)
