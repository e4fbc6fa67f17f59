"""Notes, each at an address made of its key: /notes/{host}/{protocol}/{port}/."""

from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_control
from django.views.decorators.http import conditional_page
from rest_framework import exceptions, generics, status
from rest_framework.request import Request
from rest_framework.response import Response

from collector.sweep import Protocol
from notes.batch import Order, Outcome, Result, Verb, carry_out
from notes.models import PortNote, host_name, named
from notes.services import Key, NoteChangedError
from portatlas.api import note_operations
from portatlas.api.asking import Filters, InOrder
from portatlas.api.bodies import said
from portatlas.api.doors import Door
from portatlas.api.note_filters import NoteFilter
from portatlas.api.note_serializers import NoteSerializer, differing
from portatlas.api.ports import PortSearch
from portatlas.api.preconditions import etag, fits
from portatlas.api.problems import Problem, of_validation
from portatlas.models import KEY, Memory
from portatlas.tokens.scopes import Scope

ADD, CHANGE, DELETE = (f"notes.{what}_portnote" for what in ("add", "change", "delete"))
LONGEST_HOST = PortNote._meta.get_field("host_id").max_length

kept_private = cache_control(private=True, no_cache=True)


class NoteDoor(Door):
    """What the addresses of notes share: who may, in whose name it is written, how it is told."""

    queryset = Memory.objects.all()
    serializer_class = NoteSerializer
    reads = ["notes.view_portnote"]
    writes_as = Scope.WRITE_NOTES
    writes_by = {"POST": [ADD], "PUT": [ADD, CHANGE], "PATCH": [CHANGE], "DELETE": [DELETE]}

    def write(self, orders: list[Order], *, dry_run: bool = False) -> list[Outcome]:
        """Carry out orders in the name of who asks; a token is named in the history."""
        why = f"by the token {self.token.name}" if self.token else None
        at = timezone.now()
        try:
            return carry_out(orders, by=self.request.user, at=at, why=why, dry_run=dry_run)
        except NoteChangedError as exc:
            raise Problem("conflict", f"{exc} Nothing was written: try again.") from exc

    def write_one(self, order: Order) -> Response:
        """Answer with the note as it is now; with nothing where who asks may write, not read."""
        [outcome] = self.write([order])
        raise_if_refused(outcome, order.key)
        if outcome.result == Result.DELETED:
            return Response(status=status.HTTP_204_NO_CONTENT)
        is_new = outcome.result == Result.CREATED
        headers = {"ETag": etag(outcome.version)}
        if is_new:
            headers["Location"] = address(order.key)
        if not self.may_read():
            bare = status.HTTP_201_CREATED if is_new else status.HTTP_204_NO_CONTENT
            return Response(status=bare, headers=headers)
        told = self.get_serializer(outcome.note).data
        usual = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return Response(told, status=usual, headers=headers)


@method_decorator([kept_private, conditional_page], name="dispatch")
class NoteList(NoteDoor, generics.ListAPIView):
    """What people know, and a new note of it."""

    parameters = ("limit", "offset", "ordering", "search")
    filterset_class = NoteFilter
    filter_backends = [PortSearch, Filters, InOrder]
    ordering_columns = {"review_by": "review_by"}
    ordering_fields = [*KEY, "title", "owner", *ordering_columns, "updated_at"]

    @property
    def action(self) -> str:
        return "create" if self.request.method == "POST" else "list"

    @note_operations.make
    def post(self, request: Request) -> Response:
        """Make a note; 409 where there is one about this port of this host already."""
        values = self.values(said(request))
        key = tuple(values.pop(name) for name in KEY)
        return self.write_one(Order(Verb.CREATE, key, values))


@note_operations.of_key
@method_decorator([kept_private, conditional_page], name="dispatch")
class NoteDetail(NoteDoor):
    """
    One note, at the address of its port.

    PUT and PATCH without `If-Match` let the last writer win, as those expect who keep their
    notes in a file and put them again; who has read a note before sends the ETag along.
    """

    def get(self, request: Request, host_id: str, protocol: str, port: str) -> Response:
        """Tell what is known of a port of this very host; `*` is the note for every host."""
        note = self.get_object()
        return Response(self.get_serializer(note).data, headers={"ETag": etag(note.version)})

    @note_operations.put
    def put(self, request: Request, host_id: str, protocol: str, port: str) -> Response:
        """Let the note say this and nothing else; a field that is left out gets its default."""
        return self.order(Verb.PUT, key_of(host_id, protocol, port))

    @note_operations.patch
    def patch(self, request: Request, host_id: str, protocol: str, port: str) -> Response:
        """Change the fields that are said; the others stay."""
        return self.order(Verb.PATCH, key_of(host_id, protocol, port))

    @note_operations.delete
    def delete(self, request: Request, host_id: str, protocol: str, port: str) -> Response:
        """Delete the note; its history stays. 404 where there is none (any more)."""
        key = key_of(host_id, protocol, port)
        return self.write_one(Order(Verb.DELETE, key, fits=fits(request.headers)))

    def get_object(self) -> PortNote:
        key = key_of(**self.kwargs)
        note = self.get_queryset().filter(**dict(zip(KEY, key, strict=True))).first()
        if note is None:
            raise exceptions.NotFound(f"There is no note about {named(key)}.")
        return note

    def order(self, verb: Verb, key: Key) -> Response:
        data = dict(zip(KEY, key, strict=True)) | said(self.request)
        values = self.values(data, partial=verb == Verb.PATCH)
        if errors := differing(values, key):
            raise Problem("conflict", **of_validation(errors))  # RFC 9110, 9.3.4
        values = {name: value for name, value in values.items() if name not in KEY}
        return self.write_one(Order(verb, key, values, fits(self.request.headers)))


def address(key: Key) -> str:
    return reverse("api-note", args=key)


def key_of(host_id: str, protocol: str, port: str) -> Key:
    """Read the key in an address. Raises NotFound for what no note can be about."""
    try:
        host_name(host_id)
    except ValidationError as exc:
        raise exceptions.NotFound(f"There is no such host. {exc.message}") from exc
    if len(host_id) > LONGEST_HOST:
        raise exceptions.NotFound(
            f"There is no such host: a name has at most {LONGEST_HOST} characters."
        )
    if protocol not in set(Protocol):
        raise exceptions.NotFound(f"There is no such protocol: it is {' or '.join(Protocol)}.")
    is_number = port.isascii() and port.isdecimal() and len(port) <= 5 and port[0] != "0"
    if not is_number or int(port) > 65535:
        raise exceptions.NotFound("There is no such port: it is a number from 1 to 65535.")
    return host_id, protocol, int(port)


def raise_if_refused(outcome: Outcome, key: Key) -> None:
    if outcome.result == Result.MISSING:
        raise exceptions.NotFound(f"There is no note about {named(key)}.")
    headers = {"ETag": etag(outcome.version)} if outcome.version else {}
    if outcome.result == Result.TAKEN:
        message = f"There is already a note about {named(key)}."
        raise Problem("conflict", message, headers=headers | {"Location": address(key)})
    if outcome.result == Result.UNFIT:
        message = (
            f"The note about {named(key)} is another by now."
            if outcome.version
            else f"There is no note about {named(key)} (any more)."
        )
        raise Problem("changed", message, headers=headers)
