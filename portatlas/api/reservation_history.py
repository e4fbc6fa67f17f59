"""What happened to reservations: who made, renewed and released them, and who used the ports."""

from django.db.models import F
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from portatlas.api.events import History
from portatlas.api.reservation_filters import ReservationEventFilter
from portatlas.contexts.reservations.models import ReservationEvent
from portatlas.models import KEY
from portatlas.reserving import booking_rows
from portatlas.tokens.scopes import Scope

TOLD = (*KEY, "action", "project", "performed_by", "seen_on", "details")


class ReservationEventSerializer(serializers.ModelSerializer):
    """A line of the history; `performed_by` is empty where something was observed on `seen_on`."""

    details = serializers.SerializerMethodField()

    class Meta:
        model = ReservationEvent
        fields = ["id", *KEY, "action", "project", "at", "performed_by", "seen_on", "details"]
        read_only_fields = fields

    @extend_schema_field({"type": "object", "additionalProperties": {}})
    def get_details(self, event):
        return event.details


class ReservationHistoryViewSet(History):
    """What happened to reservations, the newest first."""

    queryset = ReservationEvent.objects.all()
    serializer_class = ReservationEventSerializer
    filterset_class = ReservationEventFilter
    reads = ["reservations.view_reservationevent"]
    reads_as = Scope.READ_RESERVATIONS

    def get_queryset(self):
        return ReservationEvent.objects.values("id", *TOLD, timestamp=F("at"))

    def told(self, row: dict) -> dict:
        event = ReservationEvent(at=row.pop("timestamp"), **row)
        return {"id": event.pk, **booking_rows.history_as_json(event)}
