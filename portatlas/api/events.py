"""What happened: to ports, and to hosts with all their ports at once. It only grows."""

import django_filters as filters
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers, viewsets

from collector.models import HostEvent, PortEvent
from collector.sweep import Protocol
from portatlas.api.asking import Asked, Filters, Moment, OneOf, Ports, Texts
from portatlas.api.conditional import Conditional, conditional
from portatlas.api.event_rows import OF_EVENT, OF_PORT, as_json
from portatlas.api.pagination import Newest
from portatlas.moment import iso

OF_HOST_EVENT = ("id", "host_id", "event_type", "timestamp", "detail")


class EventFilter(filters.FilterSet):
    """Which events of ports are listed: those for which all that is said is so."""

    host_id = Texts(field_name="port_runtime__host_id")
    protocol = OneOf(Protocol, field_name="port_runtime__protocol")
    port = Ports(field_name="port_runtime__port")
    event_type = OneOf(PortEvent.Type.values)
    cause = OneOf(PortEvent.Cause.values)
    since = Moment(field_name="timestamp", lookup_expr="gte")
    until = Moment(field_name="timestamp", lookup_expr="lt")

    class Meta:
        model = PortEvent
        fields: tuple[str, ...] = ()


class HostEventFilter(filters.FilterSet):
    """Which events of hosts are listed: those for which all that is said is so."""

    host_id = Texts(field_name="host_id")
    event_type = OneOf(HostEvent.Type.values)
    since = Moment(field_name="timestamp", lookup_expr="gte")
    until = Moment(field_name="timestamp", lookup_expr="lt")

    class Meta:
        model = HostEvent
        fields: tuple[str, ...] = ()


class EventSerializer(serializers.ModelSerializer):
    """Something that was seen to happen to a port."""

    host_id = serializers.CharField()
    protocol = serializers.ChoiceField(choices=[each.value for each in Protocol])
    port = serializers.IntegerField()
    changes = serializers.SerializerMethodField()

    class Meta:
        model = PortEvent
        fields = ["id", *OF_PORT, *OF_EVENT[1:]]
        read_only_fields = fields

    @extend_schema_field({"type": "object", "additionalProperties": {}})
    def get_changes(self, event):
        return event["changes"]


class HostEventSerializer(serializers.ModelSerializer):
    """Something that happened to a host, and so to all its ports."""

    host_id = serializers.CharField()

    class Meta:
        model = HostEvent
        fields = OF_HOST_EVENT
        read_only_fields = fields


class History(Asked, Conditional, viewsets.GenericViewSet):
    """What lists of events share: the newest first, page by page."""

    moves = False
    pagination_class = Newest
    filter_backends = [Filters]
    parameters = ("after", "cursor", "limit")

    @conditional
    def list(self, request):
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response([self.told(row) for row in page])


class EventViewSet(History):
    """What happened to ports, the newest first."""

    queryset = PortEvent.objects.all()
    serializer_class = EventSerializer
    filterset_class = EventFilter

    def get_queryset(self):
        return PortEvent.objects.values(*OF_EVENT, *(f"port_runtime__{name}" for name in OF_PORT))

    def told(self, row: dict) -> dict:
        return as_json(row, {name: row.pop(f"port_runtime__{name}") for name in OF_PORT})


class HostEventViewSet(History):
    """What happened to hosts, the newest first: reboots, gaps, clocks set back, surges."""

    queryset = HostEvent.objects.all()
    serializer_class = HostEventSerializer
    filterset_class = HostEventFilter

    def get_queryset(self):
        return HostEvent.objects.values(*OF_HOST_EVENT)

    def told(self, row: dict) -> dict:
        return row | {"timestamp": iso(row["timestamp"])}
