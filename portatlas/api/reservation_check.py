"""How one port stands: reserved or not, in use or not, and what speaks against taking it."""

from django.core.exceptions import ValidationError
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portatlas.api import reservation_operations
from portatlas.api.asking import TEXT
from portatlas.api.notes import key_of
from portatlas.api.problems import InvalidParameter
from portatlas.api.reservation_fields import Time
from portatlas.api.reservation_serializers import ReservationSerializer
from portatlas.api.reservations import ReservationDoor
from portatlas.bookings import Status
from portatlas.contexts.reservations import values
from portatlas.contexts.reservations.models import HOLDER
from portatlas.models import SEE_PORTS
from portatlas.reserving.here import ground
from portatlas.reserving.prospect import Prospect

NAME = {"minLength": 1, "maxLength": 100, "pattern": f"^{values.PROJECT.pattern}$"}
PROJECT = OpenApiParameter(
    "project",
    TEXT | NAME,
    description="For which project: it may have its own, by the rules, too.",
)


class ListenerSerializer(serializers.Serializer):
    """Who listens on a port, as it was seen last."""

    host_id = serializers.CharField()
    process_name, user, unit, container_name = (serializers.CharField() for _name in HOLDER)
    pid = serializers.IntegerField(allow_null=True)
    active_since = Time()


class CheckSerializer(serializers.Serializer):
    """
    How a port stands.

    It is free if this very port may be reserved; `refusal` says which rule of allocation is against
    that. `obstacles` say why it would not be given to who asks for any. `nearest` is a free port
    instead, where there is something against it.
    """

    host_id = serializers.CharField()
    protocol = serializers.CharField()
    port = serializers.IntegerField()
    is_free = serializers.BooleanField()
    status = serializers.ChoiceField(choices=Status.values)
    reservation = ReservationSerializer(allow_null=True)
    listener = ListenerSerializer(allow_null=True)
    refusal = serializers.CharField(allow_blank=True)
    obstacles = serializers.ListField(child=serializers.CharField())
    nearest = serializers.IntegerField(allow_null=True)


@reservation_operations.of_key
class ReservationCheck(ReservationDoor):
    """Whether a port is free, and who has it if not."""

    parameters = ("project",)
    serializer_class = CheckSerializer
    reads = [*ReservationDoor.reads, *SEE_PORTS]

    @extend_schema(operation_id="reservations_check", parameters=[PROJECT])
    def get(self, request: Request, host_id: str, protocol: str, port: str) -> Response:
        """Tell how a port stands; `*` asks for all hosts at once."""
        key, project = key_of(host_id, protocol, port), request.query_params.get("project", "")
        try:
            prospect = Prospect.of(ground(), key, project, by=self.actor(), at=timezone.now())
        except ValidationError as exc:
            raise InvalidParameter(exc.message_dict) from exc
        return Response(prospect.as_json())
