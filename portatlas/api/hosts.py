"""Hosts: how well each is seen, and what listens on it."""

import django_filters as filters
from django.http import Http404
from django.utils import timezone
from rest_framework import serializers, viewsets
from rest_framework.response import Response

from collector.models import Host
from collector.sweep import OwnersSeen, Verdict
from portatlas import hosts
from portatlas.api.asking import Asked, Filters, InOrder, Moment, OneOf, Texts
from portatlas.api.conditional import Conditional, conditional
from portatlas.api.counts import TOLD as OF_COUNTS
from portatlas.api.counts import CountsSerializer, counts
from portatlas.models import Port
from portatlas.moment import iso
from portatlas.overview import Overview
from portatlas.silence import silent_since
from portatlas.tally import Tally, tally

TOLD = (
    *("host_id", "verdict", "reason", "owners_seen", "owners_reason", "sweep_interval"),
    *("duration", "source", "tool_version", "boot_id", "unsettled", "sweeps", "refused_reason"),
    *("event_source", "event_source_reason", "clock_ahead"),
)
TIMES = (
    *("booted_at", "last_look_at", "last_sweep_at", "watched_since", "watched_until"),
    *("refused_at", "retired_at"),
)


class HostFilter(filters.FilterSet):
    """Which hosts are listed: those for which all that is said is so."""

    host_id = Texts(field_name="host_id")
    verdict = OneOf(Verdict)
    owners_seen = OneOf(OwnersSeen)
    looked_at_since = Moment(field_name="last_look_at", lookup_expr="gte")
    looked_at_before = Moment(field_name="last_look_at", lookup_expr="lt")

    class Meta:
        model = Host
        fields: tuple[str, ...] = ()


class HostSerializer(CountsSerializer, serializers.ModelSerializer):
    """
    One machine, how well it was seen last, and how many ports listen on it.

    `watched_since` is when the stretch of coverage began that is still open. `silent_since` is
    when it was seen last, if three looks are missing by now: what its ports do is unknown.
    `event_source` tells of ports that come and go between two looks; "" where nothing does, and
    `event_source_reason` says why not. `retired_at` is when somebody said that it is not expected
    back; that ends with its next look. All its times but `refused_at` and `silent_since` are by its
    own clock, which is `clock_ahead` seconds ahead of the hub's.
    `problems` say in sentences what is wrong with how it is seen.
    """

    silent_since = serializers.DateTimeField(allow_null=True)
    problems = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = Host
        fields = [*TOLD, *TIMES, "silent_since", "problems", *OF_COUNTS]
        read_only_fields = fields


class HostViewSet(Asked, Conditional, viewsets.GenericViewSet):
    """Every machine that was ever looked at."""

    queryset = Host.objects.all()
    serializer_class = HostSerializer
    filterset_class = HostFilter
    filter_backends = [Filters, InOrder]
    ordering_columns = {"last_sweep_at": "last_sweep_at"}
    ordering_fields = ["host_id", "last_look_at", *ordering_columns]

    @property
    def parameters(self) -> tuple[str, ...]:
        return ("limit", "offset", "ordering") if self.action == "list" else ()

    @conditional
    def list(self, request):
        now = timezone.now()
        page = self.paginate_queryset(self.filter_queryset(Host.objects.all()))
        counted = tally(now, hosts.hosts_of(hosts.rows()))
        return self.get_paginated_response(
            [told(host, counted.of_host(host.host_id), now) for host in page]
        )

    @conditional
    def retrieve(self, request, host_id: str):
        now = timezone.now()
        host = Host.objects.filter(pk=host_id).first()
        if host is None:
            raise Http404(f"No host called {host_id} was ever seen.")
        counted = tally(now, [host], Port.objects.filter(host=host))
        return Response(told(host, counted, now))


def told(host: Host, counted: Tally, now) -> dict:
    """Return a host as values that JSON has."""
    return {
        **{name: getattr(host, name) for name in TOLD},
        **{name: iso(getattr(host, name)) for name in TIMES},
        "silent_since": iso(silent_since(host, now)),
        "problems": list(hosts.problems(host, now)),
        **counts(counted, Overview.of_host(host, counted, now)),
    }
