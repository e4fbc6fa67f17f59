"""Reservations in numbers: of all projects, and of each."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portatlas.api.conditional import conditional
from portatlas.api.reservations import ReservationDoor
from portatlas.reserving.booking_tally import COUNTED, Counts, by_project

MOST = 1_000  # projects that are told


class ByStatusSerializer(serializers.Serializer):
    """How many ports stand so."""

    def get_fields(self):
        return {status.value: serializers.IntegerField() for status in COUNTED}


class OfProjectsSerializer(serializers.Serializer):
    """How many ports are reserved; `active` are those on which something listens."""

    ports = serializers.IntegerField()
    active = serializers.IntegerField()
    by_status = ByStatusSerializer()


class OfProjectSerializer(OfProjectsSerializer):
    """How many ports a project has reserved."""

    project = serializers.CharField()


class ReservationSummarySerializer(OfProjectsSerializer):
    """How many ports are reserved, and by which projects; by those 1,000 that have most."""

    project_count = serializers.IntegerField()
    projects = OfProjectSerializer(many=True)


class ReservationSummary(ReservationDoor):
    """How many ports are reserved, and how they stand."""

    serializer_class = ReservationSummarySerializer

    @extend_schema(operation_id="reservations_summary")
    @conditional
    def get(self, request: Request) -> Response:
        """Count the ports of all projects together, and of each, those with most ports first."""
        found = by_project(timezone.now())
        most = sorted(found.items(), key=lambda each: (-each[1].ports, each[0]))[:MOST]
        return Response(
            {
                **Counts.of(found.values()).as_json(),
                "project_count": len(found),
                "projects": [{"project": name, **each.as_json()} for name, each in most],
            }
        )
