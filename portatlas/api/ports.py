"""Ports: facts, beside what is remembered of them, now or at a time."""

from datetime import datetime

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import filters, viewsets
from rest_framework.response import Response

from notes.models import named
from portatlas import tally
from portatlas.api import rows
from portatlas.api.asking import TEXT, Asked, Filters, InOrder
from portatlas.api.at import AT, LOOK, FilterThen, Then, as_of, asked_at, asked_look
from portatlas.api.conditional import Conditional, conditional
from portatlas.api.filters import PortFilter
from portatlas.api.pagination import Pages
from portatlas.api.parameters import parameter
from portatlas.api.serializers import PortSerializer
from portatlas.models import KEY, Port
from portatlas.querysets import PortQuerySet


class PortSearch(filters.BaseFilterBackend):
    """`?search=`: the same words that the board's search understands."""

    def filter_queryset(self, request, queryset, view):
        return queryset.search(request.query_params.get("search", ""))

    def get_schema_operation_parameters(self, view):
        description = (
            "Words that all have to be found in what is seen and noted; a number, "
            "8081/tcp or udp is that port, or its protocol."
        )
        return [parameter("search", TEXT, description)]


class Urgent:
    """All ports, the most urgent first, as a paginator takes them; an index tells their order."""

    def __init__(self, now: datetime):
        self.now = now
        self.numbers = tally.numbers(now)

    def count(self) -> int:
        return self.numbers.total

    def __getitem__(self, part: slice) -> list[rows.PortRow]:
        limit = part.stop - part.start
        return rows.page(self.now, self.numbers, offset=part.start, limit=limit)


class Chosen:
    """Some ports in an order of their own, as a paginator takes them."""

    def __init__(self, ports: PortQuerySet):
        self.ports = ports

    def count(self) -> int:
        return self.ports.count()

    def __getitem__(self, part: slice) -> list[rows.PortRow]:
        return rows.rows(self.ports[part])


class PortViewSet(Asked, Conditional, viewsets.GenericViewSet):
    """Every observed port beside what is remembered of it. Facts come from the collector."""

    queryset = Port.objects.none()  # names the model
    serializer_class = PortSerializer
    pagination_class = Pages
    filterset_class = PortFilter
    filter_backends = [PortSearch, Filters, InOrder]
    ordering_columns = {
        "active_since": "active_since",
        "last_disappeared_at": "last_disappeared_at",
        "title": "note__title",
        "owner": "note__owner",
        "service_type": "note__service_type",
        "risk_level": "note__risk_level",
        "review_by": "note__review_by",
    }
    ordering_fields = [
        *("severity", "host_id", "protocol", "port", "process_name", "user", "unit"),
        *("first_seen_at", *ordering_columns),
    ]

    @property
    def parameters(self) -> tuple[str, ...]:
        of_list = ("at", "look", "limit", "offset", "ordering", "search")
        return of_list if self.action == "list" else ("at",)

    @conditional
    @extend_schema(parameters=[AT, LOOK])
    def list(self, request):
        """List ports, the most urgent first unless `ordering` says otherwise."""
        now = timezone.now()
        then = asked_at(request, now)
        look = asked_look(request, then)
        # Nothing but a page of all of them is asked for most often.
        if request.query_params.keys() <= {"limit", "offset", "at"}:
            found = Urgent(now)
        elif then and (look or "state" in request.query_params):
            self.filterset_class = FilterThen
            ports = self.filter_queryset(Port.objects.all())
            said = request.query_params.getlist("state")
            states = [state.strip() for text in said for state in text.split(",")]
            found = Then(ports, look=look, states=states, then=then, now=now)
        else:
            found = Chosen(self.filter_queryset(Port.objects.for_board(now)))
        page = self.paginate_queryset(found)
        told = as_of(page, then, now) if then else [row.as_json(request.silent) for row in page]
        return self.get_paginated_response(told)

    @conditional
    @extend_schema(parameters=[AT])
    def retrieve(self, request, host_id: str, protocol: str, port: str):
        """Tell everything about one port."""
        now = timezone.now()
        then = asked_at(request, now)
        key = (host_id, protocol, int(port))
        ports = Port.objects.for_board(now).filter(**dict(zip(KEY, key, strict=True)))
        found = rows.rows(ports)
        if not found:
            raise Http404(f"Nobody ever saw {named(key)}.")
        [told] = as_of(found, then, now) if then else [found[0].as_json(request.silent)]
        return Response(told)
