"""Which ports other programs are told of: the filters of the list of ports, and a bound."""

import django_filters
from django.db.models import F, Q
from django.utils import timezone
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema_field
from rest_framework.generics import GenericAPIView

from collector.sweep import Protocol, Scope
from portatlas.api.asking import TEXT, Asked
from portatlas.api.conditional import Conditional
from portatlas.api.filters import PortFilter
from portatlas.api.problems import InvalidParameter
from portatlas.api.rules import Rule
from portatlas.models import Port
from portatlas.states import PortState

RETIRED = Q(host__last_look_at__lte=F("host__retired_at"))  # as collector/retirement.py has it
MOST = 10_000  # ports in one answer: there are no pages, for those who ask know of none


class ListeningFilter(PortFilter):
    """The filters of the list of ports; what is not asked for is as `usual` says."""

    search = extend_schema_field(TEXT)(django_filters.CharFilter(method="matching"))

    usual = {"active": ["true"], "is_client": ["false"]}

    def __init__(self, data=None, *args, **kwargs):
        asked = data.copy()
        for name, values in self.usual.items():
            if name not in asked:
                asked.setlist(name, values)
        super().__init__(asked, *args, **kwargs)

    def matching(self, queryset, name, value):
        return queryset.search(value)


class TargetFilter(ListeningFilter):
    """Without a question of its own: TCP that is known or healthy, and reached from elsewhere."""

    usual = {
        "state": [PortState.KNOWN, PortState.HEALTHY],
        "protocol": [Protocol.TCP],
    }

    def filter_queryset(self, queryset):
        found = super().filter_queryset(queryset)
        return found if "scope" in self.data else found.exclude(scope=Scope.LOOPBACK)


class Listing(Conditional, Asked, GenericAPIView):
    """
    All ports that fit, in one answer; the `get` of each is `conditional`.

    Those of a silent host are told, for whoever watches them has to notice; those of a retired one
    only to who asks for that host.
    """

    queryset = Port.objects.none()  # names the permissions
    filter_backends = [DjangoFilterBackend]
    filterset_class = ListeningFilter
    pagination_class = None

    def ports(self) -> list[Port]:
        """Return them by host, number and protocol; raise InvalidParameter if they are too many."""
        every = Port.objects.with_state(timezone.now()).select_related("note")
        if "host_id" not in self.request.query_params:
            every = every.exclude(RETIRED)
        fitting = self.filter_queryset(every).order_by("host_id", "port", "protocol")
        found = list(fitting[: MOST + 1])
        if len(found) > MOST:
            what = f"More than {MOST} ports fit, and this list has no pages: ask for fewer."
            raise InvalidParameter({"host_id": what}, Rule.TOO_MUCH)
        return found
