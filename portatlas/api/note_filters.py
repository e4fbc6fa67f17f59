import django_filters as filters
from django.db.models import Q
from django.utils import timezone

from collector.sweep import Protocol, Scope
from notes.models import PortNote
from portatlas.api.asking import Flag, Moment, OneOf, Ports, Texts, Whole
from portatlas.models import Memory
from portatlas.querysets import has_tag


class NoteFilter(filters.FilterSet):
    """Which notes are listed: those for which all that is said is so."""

    host_id = Texts(field_name="host_id")
    protocol = OneOf(Protocol)
    port = Ports(field_name="port")
    port_range_min = Whole(field_name="port", lookup_expr="gte", most=65535)
    port_range_max = Whole(field_name="port", lookup_expr="lte", most=65535)

    owner = Texts(field_name="owner")
    tag = Texts(method="has_tag")
    service_type = OneOf(PortNote.ServiceType.values)
    risk_level = OneOf(PortNote.RiskLevel.values)
    expected_scope = OneOf(Scope)
    stale = Flag(method="is_stale", label="Somebody should have looked at it again.")
    never_seen = Flag(method="was_never_seen", label="No port that it speaks of was ever seen.")
    updated_since = Moment(field_name="updated_at", lookup_expr="gte")
    updated_before = Moment(field_name="updated_at", lookup_expr="lt")

    class Meta:
        model = PortNote
        fields: tuple[str, ...] = ()

    def has_tag(self, queryset, name, value):
        return queryset.filter(has_tag(*value))

    def is_stale(self, queryset, name, value):
        old = Q(review_by__lt=timezone.now().date())
        return queryset.filter(old) if value else queryset.exclude(old)

    def was_never_seen(self, queryset, name, value):
        unseen = Memory.objects.never_seen().order_by().values("pk")
        return queryset.filter(pk__in=unseen) if value else queryset.exclude(pk__in=unseen)
