"""Many notes at once: an order for each item, all of them carried out or none."""

from typing import Any

from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from notes.batch import MOST, Order, Outcome, Verb, whatever
from notes.models import named
from notes.services import Key
from portatlas.api import note_operations, problems
from portatlas.api.bodies import said
from portatlas.api.note_serializers import BulkDeleteSerializer, BulkItemSerializer
from portatlas.api.notes import ADD, CHANGE, DELETE, NoteDoor, raise_if_refused
from portatlas.api.problem_types import BY_NAME, of_status
from portatlas.api.rules import Rule
from portatlas.models import KEY

NO_DELETE = {*KEY, "op", "if_match"}  # all that an item may say that deletes
FLAGS = {"true": True, "false": False}

Refusal = dict[str, Any]  # the members of a problem


class Items:
    """
    What the items of a request order, and why some of them order nothing.

    `orders` has for each item an order, or the problem with it.
    """

    def __init__(self, items: list[Any]):
        self._readers = {
            Verb.PUT: BulkItemSerializer(),
            Verb.PATCH: BulkItemSerializer(partial=True),
            Verb.DELETE: BulkDeleteSerializer(),
        }
        self._first: dict[Key, int] = {}
        self.orders = [self._order(number, item) for number, item in enumerate(items)]

    @property
    def valid(self) -> list[Order]:
        return [order for order in self.orders if isinstance(order, Order)]

    def _order(self, number: int, item: Any) -> Order | Refusal:
        try:
            return self._read(number, item)
        except exceptions.ValidationError as exc:
            members = problems.of_validation(exc.detail, at=f"/items/{number}")
            return problems.body(BY_NAME["invalid"], 400, **members)

    def _read(self, number: int, item: Any) -> Order:
        if not isinstance(item, dict):
            raise exceptions.ValidationError(["An item is an object."])
        verb = item.get("op", Verb.PUT)
        if verb not in tuple(self._readers):
            raise exceptions.ValidationError({"op": ["It is put, patch or delete."]})
        if missing := [name for name in KEY if name not in item]:
            raise exceptions.ValidationError({name: ["Say it."] for name in missing})
        if verb == Verb.DELETE and (more := item.keys() - NO_DELETE):
            message = "An item that deletes says nothing more of the note."
            raise exceptions.ValidationError({name: [message] for name in sorted(more)})
        values = self._readers[verb].run_validation(item)
        values.pop("op", None)
        wanted = values.pop("if_match", None)
        key = tuple(values.pop(name) for name in KEY)
        if (first := self._first.setdefault(key, number)) != number:
            message = f"{named(key)} is said twice, first in #/items/{first}."
            raise exceptions.ValidationError([message], Rule.TWICE)
        return Order(Verb(verb), key, values, whatever if wanted is None else wanted.__eq__)


class NoteBulk(NoteDoor):
    """Put, patch and delete up to 1,000 notes: all of them, or none if one is refused."""

    parameters = ("dry_run",)
    writes_by = {"POST": [ADD, CHANGE]}
    pagination_class = None
    filter_backends = []

    @note_operations.in_bulk
    def post(self, request: Request) -> Response:
        items, dry_run = asked(request)
        read = Items(items)
        self._raise_unless_may(read.valid)
        if_valid = len(read.valid) == len(items)
        outcomes = self.write(read.valid, dry_run=dry_run or not if_valid)
        by_key = {order.key: out for order, out in zip(read.valid, outcomes, strict=True)}
        told = [
            _told(order, by_key[order.key]) if isinstance(order, Order) else _refused(item, order)
            for item, order in zip(items, read.orders, strict=True)
        ]
        if refused := sum("problem" in each for each in told):
            message = f"{refused} of {len(told)} items were refused, so nothing was written."
            raise problems.Problem("refused", message, dry_run=dry_run, items=told)
        return Response({"dry_run": dry_run, "items": told})

    def _raise_unless_may(self, orders: list[Order]) -> None:
        deletes = any(order.verb == Verb.DELETE for order in orders)
        if deletes and not self.request.user.has_perm(DELETE):
            raise exceptions.PermissionDenied("You have no permission to delete notes.")


def asked(request: Request) -> tuple[list[Any], bool]:
    """Return the items of a request, and whether it is only tried. Raises for what is neither."""
    in_address = request.query_params.get("dry_run", "false")
    if in_address not in FLAGS:
        raise problems.InvalidParameter({"dry_run": ["It is true or false."]})
    body = said(request)
    if unknown := sorted(body.keys() - {"items", "dry_run"}):
        raise exceptions.ValidationError({name: ["There is no such name."] for name in unknown})
    items, in_body = body.get("items"), body.get("dry_run", False)
    if not isinstance(items, list):
        raise exceptions.ValidationError({"items": ["Send a list of items."]})
    if not isinstance(in_body, bool):
        raise exceptions.ValidationError({"dry_run": ["It is true or false."]})
    if len(items) > MOST:
        message = f"These are {len(items)} items; at most {MOST} are written at once."
        raise problems.Problem("too-large", message)
    return items, in_body or FLAGS[in_address]


def _told(order: Order, outcome: Outcome) -> dict[str, Any]:
    key = dict(zip(KEY, order.key, strict=True))
    try:
        raise_if_refused(outcome, order.key)
    except exceptions.APIException as exc:
        kind = getattr(exc, "kind", None) or of_status(exc.status_code)
        problem = problems.body(kind, kind.status, str(exc.detail))
        return key | {"outcome": "refused", "version": outcome.version, "problem": problem}
    told = {"outcome": outcome.result.value, "version": outcome.version}
    return key | told | ({"changes": outcome.fields} if outcome.fields else {})


def _refused(item: Any, problem: Refusal) -> dict[str, Any]:
    said_key = {name: item.get(name) for name in KEY} if isinstance(item, dict) else {}
    return said_key | {"outcome": "refused", "problem": problem}
