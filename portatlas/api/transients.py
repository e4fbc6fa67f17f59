"""Transients: sockets that held a port between two looks and were gone at the second."""

import django_filters as filters
from rest_framework import serializers, viewsets

from collector.models import Transient
from collector.sweep import Protocol
from portatlas.api.asking import Asked, Filters, Moment, OneOf, Ports, Texts
from portatlas.api.conditional import Conditional, conditional
from portatlas.moment import iso

TOLD = ("host_id", "protocol", "port", "address", "pid", "process_name")


class TransientFilter(filters.FilterSet):
    """Which are listed: those for which all that is said is so."""

    host_id = Texts(field_name="host_id")
    protocol = OneOf(Protocol)
    port = Ports(field_name="port")
    process_name = Texts(field_name="process_name")
    since = Moment(field_name="closed_at", lookup_expr="gte")
    until = Moment(field_name="closed_at", lookup_expr="lt")

    class Meta:
        model = Transient
        fields: tuple[str, ...] = ()


class TransientSerializer(serializers.ModelSerializer):
    """A socket that held a port for so short a time that no look saw it."""

    host_id = serializers.CharField()

    class Meta:
        model = Transient
        fields = [*TOLD, "opened_at", "closed_at"]
        read_only_fields = fields


class TransientViewSet(Asked, Conditional, viewsets.GenericViewSet):
    """What came and went between two looks, the last first; the last 1,000 of a host."""

    queryset = Transient.objects.all()
    serializer_class = TransientSerializer
    filterset_class = TransientFilter
    filter_backends = [Filters]
    parameters = ("limit", "offset")

    @conditional
    def list(self, request):
        found = self.filter_queryset(Transient.objects.order_by("-pk"))
        return self.get_paginated_response([told(each) for each in self.paginate_queryset(found)])


def told(transient: Transient) -> dict:
    """Return a transient as values that JSON has."""
    return {
        **{name: getattr(transient, name) for name in TOLD},
        "opened_at": iso(transient.opened_at),
        "closed_at": iso(transient.closed_at),
    }
