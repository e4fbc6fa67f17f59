"""Pages of lists: by their place, or for what only grows from the newest on, or up to it."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Self

from django.db.models import Q, QuerySet
from rest_framework.pagination import BasePagination, LimitOffsetPagination
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from portatlas.api.parameters import parameter
from portatlas.api.problems import InvalidParameter
from portatlas.api.rules import Rule

USUAL, MOST = 100, 500  # rows of a page
FARTHEST = 10_000_000  # rows; beyond it there is nothing, and a database's integers end
HIGHEST = 2**63 - 1  # number of a row
NUMBER = re.compile(r"[0-9]+")
PLACE = re.compile(r"([0-9]{1,17})_([0-9]{1,18})")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

NO_LIMIT = f"It is a whole number from 1 on; a page has at most {MOST}, whatever is asked for."
NO_OFFSET = "It is a whole number, 0 or more."
NO_AFTER = "It is the number of an event, 0 for all of them."
NOT_BOTH = "It leads back in time, and `after` forward: say one of them."
NO_CURSOR = "It is no cursor: take `next` of the answer before."


def after(request) -> int | None:
    """Return behind which row a history is asked for, None if that is not said."""
    said = request.query_params.get("after")
    if said is None:
        return None
    if not NUMBER.fullmatch(said):
        raise InvalidParameter({"after": [NO_AFTER]})
    if "cursor" in request.query_params:
        raise InvalidParameter({"cursor": [NOT_BOTH]}, Rule.TOGETHER)
    return min(int(said), HIGHEST)


def limit(request) -> int:
    """Return how many rows are asked for, 500 at most. Raises InvalidParameter."""
    said = request.query_params.get("limit", str(USUAL))
    if not NUMBER.fullmatch(said) or int(said) == 0:
        raise InvalidParameter({"limit": [NO_LIMIT]})
    return min(int(said), MOST)


def link(example: str) -> dict[str, Any]:
    """Describe a link to another page; the example is that of a query, on whatever list."""
    return {"type": "string", "format": "uri", "nullable": True, "example": example}


LIMIT, OFFSET, AFTER, CURSOR = (
    parameter(
        "limit",
        {"type": "integer", "minimum": 1},
        f"How many, {USUAL} unless told otherwise, {MOST} at most.",
    ),
    parameter(
        "offset",
        {"type": "integer", "minimum": 0},
        "How many are left out before the first.",
    ),
    parameter(
        "after",
        {"type": "integer", "minimum": 0},
        "Only what was written behind the event of this number, and the oldest first: for "
        "programs that ask again and again for what is new.",
    ),
    parameter(
        "cursor",
        {"type": "string", "pattern": f"^{PLACE.pattern}$"},
        "From where to go on: what `next` of the answer before has.",
    ),
)


class Pages(LimitOffsetPagination):
    """`?limit=&offset=`. More than 500 rows are not given at once: `next` leads to the others."""

    default_limit = USUAL
    max_limit = MOST

    def get_limit(self, request):
        return limit(request)

    def get_offset(self, request):
        said = request.query_params.get("offset", "0")
        if not NUMBER.fullmatch(said):
            raise InvalidParameter({"offset": [NO_OFFSET]})
        return min(int(said), FARTHEST)

    def get_schema_operation_parameters(self, view):
        return [LIMIT, OFFSET]

    def get_paginated_response_schema(self, schema):
        return {
            "type": "object",
            "required": ["count", "next", "previous", "results"],
            "properties": {
                "count": {"type": "integer", "example": 250},
                "next": link("?limit=100&offset=200"),
                "previous": link("?limit=100"),
                "results": schema,
            },
        }


class Place(NamedTuple):
    """
    Where a page of a history ended: the time and the number of its last row.

    >>> str(Place(datetime(2026, 1, 1, 12, tzinfo=UTC), 7))
    '1767268800000000_7'
    """

    at: datetime
    pk: int

    @classmethod
    def of(cls, text: str) -> Self:
        """Read what str() writes. Raises InvalidParameter."""
        found = PLACE.fullmatch(text)
        if not found:
            raise InvalidParameter({"cursor": [NO_CURSOR]})
        at, pk = map(int, found.groups())
        return cls(EPOCH + timedelta(microseconds=at), pk)

    def __str__(self) -> str:
        return f"{(self.at - EPOCH) // timedelta(microseconds=1)}_{self.pk}"


class Newest(BasePagination):
    """
    A history, the newest first, by `?cursor=`: what happens meanwhile moves no row to another page.

    A cursor is the place of a row, and not only its time, for one sweep may tell of thousands
    of ports. With `?after=` it is in the order of writing, from behind that row on.
    """

    def paginate_queryset(self, queryset: QuerySet, request, view=None):
        self.address = request.build_absolute_uri()
        self.next: tuple[str, Place | int] | None = None
        size, last = limit(request), after(request)
        if last is not None:
            rows = list(queryset.filter(pk__gt=last).order_by("pk")[: size + 1])
            if len(rows) > size:
                self.next = "after", rows[size - 1]["id"]
            return rows[:size]
        if "cursor" in request.query_params:
            place = Place.of(request.query_params["cursor"])
            older = Q(timestamp__lt=place.at) | Q(pk__lt=place.pk)
            queryset = queryset.filter(older, timestamp__lte=place.at)
        rows = list(queryset.order_by("-timestamp", "-pk")[: size + 1])
        if len(rows) > size:
            end = rows[size - 1]
            self.next = "cursor", Place(end["timestamp"], end["id"])
        return rows[:size]

    def get_paginated_response(self, data):
        link = self.next and replace_query_param(self.address, *map(str, self.next))
        return Response({"next": link, "results": data})

    def get_paginated_response_schema(self, schema):
        return {
            "type": "object",
            "required": ["next", "results"],
            "properties": {"next": link("?cursor=1767268800000000_4711"), "results": schema},
        }

    def get_schema_operation_parameters(self, view):
        return [AFTER, CURSOR, LIMIT]
