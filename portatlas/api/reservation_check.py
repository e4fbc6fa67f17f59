"""How one port stands: reserved or not, in use or not, and what speaks against taking it."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portatlas import booking_rows
from portatlas.api import reservation_operations
from portatlas.api.notes import key_of
from portatlas.api.reservation_serializers import ReservationSerializer
from portatlas.api.reservations import ReservationDoor
from portatlas.bookings import Status
from portatlas.contexts.reservations.models import HOLDER
from portatlas.ground import ground
from portatlas.models import KEY, SEE_PORTS, Port
from portatlas.moment import iso


class ListenerSerializer(serializers.Serializer):
    """Who listens on a port, as it was seen last."""

    host_id = serializers.CharField()
    pid = serializers.IntegerField(allow_null=True)
    process_name, user, unit, container_name = (serializers.CharField() for _name in HOLDER)
    active_since = serializers.DateTimeField()


class CheckSerializer(serializers.Serializer):
    """
    How a port stands.

    `obstacles` say why it would not be given to who asks for any; a reservation of this very port
    minds only what is reserved and who listens. `nearest` is a free port instead, if it is taken.
    """

    host_id = serializers.CharField()
    protocol = serializers.CharField()
    port = serializers.IntegerField()
    status = serializers.ChoiceField(choices=Status.values)
    reservation = ReservationSerializer(allow_null=True)
    listener = ListenerSerializer(allow_null=True)
    obstacles = serializers.ListField(child=serializers.CharField())
    nearest = serializers.IntegerField(allow_null=True)


@reservation_operations.of_key
class ReservationCheck(ReservationDoor):
    """Whether a port is free, and who has it if not."""

    serializer_class = CheckSerializer
    reads = [*ReservationDoor.reads, *SEE_PORTS]

    @extend_schema(operation_id="reservations_check")
    def get(self, request: Request, host_id: str, protocol: str, port: str) -> Response:
        """Tell how a port stands; `*` asks for all hosts at once."""
        key = key_of(host_id, protocol, port)
        here = ground()
        found = here.check(key, timezone.now())
        is_free = found.is_free and not found.obstacles
        return Response(
            {
                **dict(zip(KEY, key, strict=True)),
                "status": found.status,
                "reservation": found.booking and booking_rows.as_json(found.booking),
                "listener": found.port and listener(found.port),
                "obstacles": list(found.obstacles),
                "nearest": None if is_free else here.nearest(key, by=self.actor()),
            }
        )


def listener(port: Port) -> dict[str, Any]:
    return {
        "host_id": port.host_id,
        "pid": port.current_pid,
        **{name: getattr(port, name) for name in HOLDER},
        "active_since": iso(port.active_since),
    }
