"""What the description of the API says of the addresses of reservations."""

from drf_spectacular.utils import OpenApiExample, extend_schema

from portatlas.api.note_operations import IF_MATCH, IF_NONE_MATCH, KEY
from portatlas.api.reservation_serializers import (
    PortsGivenSerializer,
    PortsWantedSerializer,
    ReservationAtAddressSerializer,
    ReservationChangeSerializer,
    ReservationSerializer,
)

SHOP = {"project": "shop", "description": "Its preview", "tags": ["web"], "unit": "shop.service"}
A_PORT = {"host_id": "atlas", "protocol": "tcp", "port": 8080}
A_NEW_ONE = OpenApiExample("A reservation", A_PORT | SHOP, request_only=True)
AT_ADDRESS = OpenApiExample("A reservation", SHOP, request_only=True)
A_LEASE = OpenApiExample("Until a time", {"expires_at": "2027-01-31T18:00:00Z"}, request_only=True)
TWENTY = OpenApiExample(
    "Twenty near 8000", {"project": "shop", "count": 20, "near": 8000}, request_only=True
)
A_ROW = OpenApiExample(
    "Three in a row",
    {"project": "shop", "count": 3, "within": "8000-8100", "adjacent": True, "auto_release": True},
    request_only=True,
)

of_key = extend_schema(parameters=KEY)
make = extend_schema(responses={201: ReservationSerializer}, examples=[A_NEW_ONE])
put = extend_schema(
    request=ReservationAtAddressSerializer,
    responses={200: ReservationSerializer, 201: ReservationSerializer, 204: None},
    parameters=[IF_MATCH, IF_NONE_MATCH],
    examples=[AT_ADDRESS],
)
patch = extend_schema(
    request=ReservationChangeSerializer,
    responses={200: ReservationSerializer, 204: None},
    parameters=[IF_MATCH],
    examples=[A_LEASE],
)
delete = extend_schema(responses={204: None}, parameters=[IF_MATCH])
request = extend_schema(
    request=PortsWantedSerializer,
    responses={201: PortsGivenSerializer},
    examples=[TWENTY, A_ROW],
    operation_id="reservations_request",
)
check = extend_schema(parameters=KEY)
