from django_filters.rest_framework import DjangoFilterBackend
from rest_framework import filters, viewsets

from notes.models import PortNote
from portatlas.api.note_filters import NoteFilter
from portatlas.api.note_serializers import NoteSerializer
from portatlas.api.ordering import Ordering
from portatlas.tokens.scopes import Scope


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
