from django.utils import timezone
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework import filters, viewsets

from portatlas.api.filters import PortFilter
from portatlas.api.ordering import Ordering
from portatlas.api.serializers import PortSerializer
from portatlas.models import Port


class PortSearch(filters.BaseFilterBackend):
    """`?search=`: the same words that the board's search understands."""

    def filter_queryset(self, request, queryset, view):
        return queryset.search(request.query_params.get("search", ""))


class PortViewSet(viewsets.ReadOnlyModelViewSet):
    """Every observed port beside what is remembered of it. Facts come from the collector."""

    queryset = Port.objects.none()  # names the routes
    serializer_class = PortSerializer
    filterset_class = PortFilter
    filter_backends = [PortSearch, DjangoFilterBackend, Ordering]
    ordering_fields = [
        "severity",
        "port",
        "protocol",
        "host_id",
        "process_name",
        "first_seen_at",
        "active_since",
    ]

    def get_queryset(self):
        return Port.objects.for_board(timezone.now())
