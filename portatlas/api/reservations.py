"""Reservations, each at an address made of its key: /reservations/{host}/{protocol}/{port}/."""

from django.utils import timezone
from rest_framework import exceptions, status
from rest_framework.request import Request
from rest_framework.response import Response

from portatlas.api import reservation_operations
from portatlas.api.asking import Filters, InOrder
from portatlas.api.bodies import said
from portatlas.api.conditional import Conditional, conditional
from portatlas.api.doors import Door
from portatlas.api.note_serializers import differing
from portatlas.api.notes import key_of
from portatlas.api.preconditions import etag
from portatlas.api.problems import Problem, of_validation
from portatlas.api.reservation_filters import ReservationFilter
from portatlas.api.reservation_serializers import (
    PortsWantedSerializer,
    ReservationAtAddressSerializer,
    ReservationChangeSerializer,
    ReservationSerializer,
)
from portatlas.api.reservation_writing import Writing, address, refusing
from portatlas.bookings import BookingQuerySet
from portatlas.contexts.reservations import services
from portatlas.contexts.reservations.models import Reservation
from portatlas.contexts.reservations.querysets import Place
from portatlas.contexts.reservations.services import Actor, Key, revision
from portatlas.models import KEY, Booking
from portatlas.reserving import booking_rows
from portatlas.reserving.ground import Wanted
from portatlas.reserving.here import ground
from portatlas.tokens.scopes import Scope

ADD, CHANGE, DELETE = (f"reservations.{what}_reservation" for what in ("add", "change", "delete"))


class ReservationDoor(Conditional, Door):
    """What the addresses of reservations share: who may, in whose name it is written."""

    queryset = Booking.objects.all()
    serializer_class = ReservationSerializer
    reads = ["reservations.view_reservation"]
    reads_as = Scope.READ_RESERVATIONS
    writes_as = Scope.WRITE_RESERVATIONS
    writes_by = {"POST": [ADD], "PUT": [ADD, CHANGE], "PATCH": [CHANGE], "DELETE": [DELETE]}

    def get_queryset(self) -> BookingQuerySet:
        """Return the reservations that hold, with how each stands."""
        now = timezone.now()
        return super().get_queryset().holding(now).with_status(now)

    def actor(self) -> Actor:
        through = f"token {self.token.name}" if self.token else ""
        return Actor.of(self.request.user, through=through)

    def writing(self, key: Key) -> Writing:
        return Writing(key, self.request.headers, by=self.actor(), at=timezone.now())

    def written(self, reservation: Reservation, *, is_new: bool) -> Response:
        """Answer with it as it is now; with nothing where who asks may write, not read."""
        headers = {"ETag": etag(revision(reservation))}
        if is_new:
            headers["Location"] = address(reservation.key)
        if not self.may_read():
            bare = status.HTTP_201_CREATED if is_new else status.HTTP_204_NO_CONTENT
            return Response(status=bare, headers=headers)
        told = booking_rows.written(reservation, timezone.now())
        usual = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return Response(told, status=usual, headers=headers)


class ReservationList(ReservationDoor):
    """Who has reserved which port, and a new reservation."""

    parameters = ("limit", "offset", "ordering")
    filterset_class = ReservationFilter
    filter_backends = [Filters, InOrder]
    ordering_columns = {"renewed_at": "renewed_at", "expires_at": "expires_at"}
    ordering_fields = [*KEY, "project", "requested_by", "reserved_at", *ordering_columns]

    @property
    def action(self) -> str:
        return "create" if self.request.method == "POST" else "list"

    @conditional
    def get(self, request: Request) -> Response:
        """Tell the reservations that hold, and how the port of each stands."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response([booking_rows.as_json(each) for each in page])

    @reservation_operations.make
    def post(self, request: Request) -> Response:
        """Reserve a port; 409 where somebody has, or where a program has it."""
        values = self.values(said(request))
        key = tuple(values.pop(name) for name in KEY)
        with refusing("not-allowed"):
            made = self.writing(key).make(values)
        return self.written(made, is_new=True)


@reservation_operations.of_key
class ReservationDetail(ReservationDoor):
    """
    One reservation, at the address of its port.

    Its ETag stands for what it says, not for its status, which facts decide: so it is always
    told whole. Without `If-Match` the last writer wins, but never over another project.
    """

    def get(self, request: Request, host_id: str, protocol: str, port: str) -> Response:
        """Tell who has reserved a port of this very host; `*` is what is so for every host."""
        found = self.get_object()
        headers = {"ETag": etag(revision(found))}
        return Response(booking_rows.as_json(found), headers=headers)

    @reservation_operations.put
    def put(self, request: Request, host_id: str, protocol: str, port: str) -> Response:
        """Reserve the port, or renew what its project has, with this and nothing else."""
        key = key_of(host_id, protocol, port)
        values = self.of_key(key, ReservationAtAddressSerializer)
        with refusing("not-allowed"):
            reservation, is_new = self.writing(key).put(values)
        return self.written(reservation, is_new=is_new)

    @reservation_operations.patch
    def patch(self, request: Request, host_id: str, protocol: str, port: str) -> Response:
        """Renew the reservation, and change the fields that are said."""
        key = key_of(host_id, protocol, port)
        values = self.of_key(key, ReservationChangeSerializer, partial=True)
        with refusing("not-allowed"):
            reservation = self.writing(key).patch(values)
        return self.written(reservation, is_new=False)

    @reservation_operations.delete
    def delete(self, request: Request, host_id: str, protocol: str, port: str) -> Response:
        """Release the port; its history stays. 404 where it is not reserved (any more)."""
        self.writing(key_of(host_id, protocol, port)).release()
        return Response(status=status.HTTP_204_NO_CONTENT)

    def get_object(self) -> Booking:
        key = key_of(**self.kwargs)
        found = self.get_queryset().filter(**dict(zip(KEY, key, strict=True))).first()
        if found is None:
            raise exceptions.NotFound(services.not_reserved(key, timezone.now()))
        return found

    def of_key(self, key: Key, serializer_class, *, partial: bool = False) -> dict:
        """Return what the body says beside the key, which is that of the address."""
        self.serializer_class = serializer_class
        values = self.values(said(self.request), partial=partial)
        if errors := differing(values, key):
            raise Problem("conflict", **of_validation(errors))  # RFC 9110, 9.3.4
        return {name: value for name, value in values.items() if name not in KEY}


class ReservationRequest(ReservationDoor):
    """Free ports for a project: so many, all or none."""

    serializer_class = PortsWantedSerializer
    pagination_class = None
    filter_backends = []

    @reservation_operations.request
    def post(self, request: Request) -> Response:
        """
        Find free ports and reserve them, in one step, so that nobody else gets one of them.

        They are of this hub's own host unless another is said.
        """
        now, here = timezone.now(), ground()
        values = self.values(said(request))
        place = Place(values.pop("host_id", here.here), values.pop("protocol", "tcp"))
        names = [name for name in Wanted._fields if name in values]
        wanted = Wanted(**{name: values.pop(name) for name in names})
        with refusing("none-free"):
            given = here.request(place, wanted, values, by=self.actor(), at=now)
        told = [booking_rows.given(each) for each in given]
        return Response({"reservations": told}, status=status.HTTP_201_CREATED)
