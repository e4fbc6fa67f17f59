import django_filters as filters

from collector.sweep import Protocol
from portatlas.models import Port
from portatlas.states import PortState


class Flag(filters.TypedChoiceFilter):
    """`true` or `false`; anything else is an error, where BooleanFilter would ignore it."""

    def __init__(self, **options):
        choices = [("true", "true"), ("false", "false")]
        super().__init__(choices=choices, coerce="true".__eq__, **options)


class PortFilter(filters.FilterSet):
    state = filters.MultipleChoiceFilter(choices=PortState, method="in_state")
    host_id = filters.CharFilter()
    protocol = filters.ChoiceFilter(choices=[(each.value, each.value) for each in Protocol])
    port = filters.NumberFilter(decimal_places=0)
    port_range = filters.RangeFilter(field_name="port")
    active = Flag(method="is_active")
    noted = Flag(field_name="note", lookup_expr="isnull", exclude=True)
    is_client = Flag(method="counts_as_client")
    owner = filters.CharFilter(field_name="note__owner")

    class Meta:
        model = Port
        fields = ["process_name", "user", "unit", "scope", "owner_state"]

    def in_state(self, queryset, name, value):
        return queryset.in_state(*value) if value else queryset

    def is_active(self, queryset, name, value):
        return queryset.filter(current_state="active" if value else "disappeared")

    def counts_as_client(self, queryset, name, value):
        return queryset.clients() if value else queryset.without_clients()
