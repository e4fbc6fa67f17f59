import django_filters as filters
from django.db.models import Q
from django.utils import timezone

from collector.sweep import OwnerState, Protocol, Role, Scope
from notes.models import EVERY_HOST, PortNote
from portatlas import states
from portatlas.api.asking import Flag, Moment, OneOf, Ports, Texts, Whole
from portatlas.models import Port
from portatlas.querysets import has_tag
from portatlas.states import PortState

MOST_PID = 2**31 - 1


class PortFilter(filters.FilterSet):
    """Which ports are listed: those for which all that is said is so."""

    host_id = Texts(field_name="host_id")
    protocol = OneOf(Protocol)
    port = Ports(field_name="port")
    port_range_min = Whole(field_name="port", lookup_expr="gte", most=65535)
    port_range_max = Whole(field_name="port", lookup_expr="lte", most=65535)

    state = OneOf(PortState, method="in_state")
    active = Flag(method="is_active")
    flapping = Flag(method="is_flapping")
    is_client = Flag(method="counts_as_client")
    awaited = Flag(method="is_awaited", label="Not seen since its host's last boot.")
    scope = OneOf(Scope)
    owner_state = OneOf(OwnerState)
    role = OneOf(Role)
    process_name = Texts(field_name="process_name")
    exe = Texts(field_name="exe")
    exe_is_deleted = Flag(field_name="exe_is_deleted")
    pid = Whole(field_name="current_pid", most=MOST_PID)
    user = Texts(field_name="user")
    unit = Texts(field_name="unit")
    socket_unit = Texts(field_name="socket_unit")
    container = Texts(field_name="container")
    container_name = Texts(field_name="container_name")
    image = Texts(field_name="image")
    compose_service = Texts(field_name="compose_service")
    well_known = Texts(field_name="well_known")

    noted = Flag(field_name="note", lookup_expr="isnull", exclude=True)
    for_every_host = Flag(method="is_for_every_host", label="Its note speaks for every host.")
    owner = Texts(field_name="note__owner")
    tag = Texts(method="has_tag")
    service_type = OneOf(PortNote.ServiceType.values, field_name="note__service_type")
    risk_level = OneOf(PortNote.RiskLevel.values, field_name="note__risk_level")
    expected_scope = OneOf(Scope, field_name="note__expected_scope")
    stale = Flag(method="is_stale", label="Somebody should have looked at its note again.")

    first_seen_since = Moment(field_name="first_seen_at", lookup_expr="gte")
    first_seen_before = Moment(field_name="first_seen_at", lookup_expr="lt")
    last_seen_since = Moment(method="was_seen_since")
    last_seen_before = Moment(method="was_not_seen_since")
    active_since = Moment(field_name="active_since", lookup_expr="gte")
    active_before = Moment(field_name="active_since", lookup_expr="lt")
    disappeared_since = Moment(field_name="last_disappeared_at", lookup_expr="gte")
    disappeared_before = Moment(field_name="last_disappeared_at", lookup_expr="lt")

    class Meta:
        model = Port
        fields: tuple[str, ...] = ()

    def in_state(self, queryset, name, value):
        return queryset.in_state(*value)

    def is_active(self, queryset, name, value):
        return queryset.filter(current_state="active" if value else "disappeared")

    def is_flapping(self, queryset, name, value):
        flapping = states.flapping(timezone.now())
        return queryset.filter(flapping) if value else queryset.exclude(flapping)

    def counts_as_client(self, queryset, name, value):
        return queryset.clients() if value else queryset.without_clients()

    def is_awaited(self, queryset, name, value):
        awaited = Port.objects.awaited().order_by().values("pk")
        return queryset.filter(pk__in=awaited) if value else queryset.exclude(pk__in=awaited)

    def is_for_every_host(self, queryset, name, value):
        shared = Q(note__host_id=EVERY_HOST)
        return queryset.filter(shared if value else ~shared, note__isnull=False)

    def has_tag(self, queryset, name, value):
        return queryset.filter(has_tag(*value, of="note__"))

    def is_stale(self, queryset, name, value):
        today = timezone.now().date()
        if value:
            return queryset.stale(today)
        return queryset.filter(Q(note__review_by__isnull=True) | Q(note__review_by__gte=today))

    def was_seen_since(self, queryset, name, value):
        return queryset.seen_since(value)

    def was_not_seen_since(self, queryset, name, value):
        return queryset.exclude(pk__in=Port.objects.seen_since(value).order_by().values("pk"))
