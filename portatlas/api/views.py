from django.utils import timezone
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework import filters, viewsets

from notes.models import PortNote
from portatlas.api.filters import NoteFilter, PortFilter
from portatlas.api.serializers import NoteSerializer, PortSerializer
from portatlas.models import Port
from portatlas.tokens.scopes import Scope


class PortSearch(filters.BaseFilterBackend):
    """`?search=`: the same words that the board's search understands."""

    def filter_queryset(self, request, queryset, view):
        return queryset.search(request.query_params.get("search", ""))


class Ordering(filters.OrderingFilter):
    """Ends every order with the key, so that no row stands on two pages."""

    def get_ordering(self, request, queryset, view):
        ordering = super().get_ordering(request, queryset, view)
        return ordering and [*ordering, "pk"]


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


class NoteViewSet(viewsets.ModelViewSet):
    """What people know. Who wrote it is kept."""

    queryset = PortNote.objects.all()
    reads = ["notes.view_portnote"]
    writes = ["notes.add_portnote", "notes.change_portnote", "notes.delete_portnote"]
    writes_as = Scope.WRITE_NOTES
    serializer_class = NoteSerializer
    filterset_class = NoteFilter
    filter_backends = [filters.SearchFilter, DjangoFilterBackend, Ordering]
    search_fields = ["=port", "title", "description", "owner"]
    ordering_fields = ["port", "host_id", "title", "owner", "updated_at"]

    def perform_create(self, serializer):
        serializer.save(created_by=self.request.user, updated_by=self.request.user)

    def perform_update(self, serializer):
        serializer.save(updated_by=self.request.user)
