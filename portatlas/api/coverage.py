"""When hosts were watched: stretches, between which nothing is known."""

import django_filters as filters
from django.db.models import F, Q
from rest_framework import serializers, viewsets

from collector.models import Coverage
from portatlas.api.asking import Asked, Filters, Flag, Moment, Texts
from portatlas.api.conditional import Conditional, conditional
from portatlas.moment import iso

OPEN = Q(started_at=F("host__watched_since"), boot_id=F("host__boot_id"))


class CoverageFilter(filters.FilterSet):
    """Which stretches are listed: those that reach into the time that is asked about."""

    host_id = Texts(field_name="host_id")
    since = Moment(method="reaches")
    until = Moment(field_name="started_at", lookup_expr="lt")
    is_open = Flag(method="still_goes_on")

    class Meta:
        model = Coverage
        fields: tuple[str, ...] = ()

    def reaches(self, queryset, name, value):
        return queryset.filter(Q(ended_at__gte=value) | (OPEN & Q(host__watched_until__gte=value)))

    def still_goes_on(self, queryset, name, value):
        return queryset.filter(OPEN if value else ~OPEN)


class CoverageSerializer(serializers.ModelSerializer):
    """An unbroken stretch in which a host was watched, within one boot."""

    host_id = serializers.CharField()
    is_open = serializers.BooleanField()
    sweeps = serializers.IntegerField(help_text="Looks that were believed.")

    class Meta:
        model = Coverage
        fields = [
            *("host_id", "boot_id", "started_at", "ended_at", "is_open", "sweeps", "failures"),
            "last_failure",
        ]
        read_only_fields = fields


class CoverageViewSet(Asked, Conditional, viewsets.GenericViewSet):
    """When each host was watched without a break, the newest stretch first."""

    queryset = Coverage.objects.all()
    serializer_class = CoverageSerializer
    filterset_class = CoverageFilter
    filter_backends = [Filters]
    parameters = ("limit", "offset")

    @conditional
    def list(self, request):
        stretches = Coverage.objects.select_related("host").order_by("-started_at", "-pk")
        page = self.paginate_queryset(self.filter_queryset(stretches))
        return self.get_paginated_response([told(stretch) for stretch in page])


def told(stretch: Coverage) -> dict:
    """Return a stretch as values that JSON has."""
    return {
        "host_id": stretch.host_id,
        "boot_id": stretch.boot_id,
        "started_at": iso(stretch.started_at),
        "ended_at": iso(stretch.until),
        "is_open": stretch.is_open,
        "sweeps": stretch.looks,
        "failures": stretch.failures,
        "last_failure": stretch.last_failure,
    }
