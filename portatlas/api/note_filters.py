import django_filters as filters
from django.utils import timezone

from collector.sweep import Protocol
from notes.models import PortNote
from portatlas.api.filters import Flag
from portatlas.models import Memory


class NoteFilter(filters.FilterSet):
    """What of the notes is told: those for which all of it is so."""

    protocol = filters.ChoiceFilter(choices=[(each.value, each.value) for each in Protocol])
    port = filters.NumberFilter(decimal_places=0)
    port_range = filters.RangeFilter(field_name="port")
    tag = filters.CharFilter(method="has_tag", max_length=50)
    stale = Flag(method="is_stale")
    never_seen = Flag(method="was_never_seen")
    updated_since = filters.IsoDateTimeFilter(field_name="updated_at", lookup_expr="gte")

    class Meta:
        model = PortNote
        fields = ["host_id", "owner", "service_type", "risk_level", "expected_scope"]

    def has_tag(self, queryset, name, value):
        return queryset.filter(tags__icontains=f'"{value}"')

    def is_stale(self, queryset, name, value):
        today = timezone.now().date()
        old = queryset.filter(review_by__lt=today)
        return old if value else queryset.exclude(pk__in=old.values("pk"))

    def was_never_seen(self, queryset, name, value):
        unseen = Memory.objects.never_seen().order_by().values("pk")
        return queryset.filter(pk__in=unseen) if value else queryset.exclude(pk__in=unseen)
