"""The summary as one flat object, for dashboards that can read no other."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from collector.models import Host
from collector.retirement import present
from collector.text import safe
from portatlas.api.asking import TEXT, Asked
from portatlas.overview import Overview
from portatlas.silence import last_look
from portatlas.tally import Tally, tally


class FlatSummary(serializers.Serializer):
    """How things stand, in numbers and short texts."""

    listening = serializers.IntegerField()
    known = serializers.IntegerField()
    unknown = serializers.IntegerField()
    unhealthy = serializers.IntegerField()
    missing = serializers.IntegerField()
    hosts = serializers.IntegerField()
    hosts_silent = serializers.IntegerField(help_text="Hosts whose next look is overdue.")
    last_look = serializers.DateTimeField(allow_null=True)
    last_look_seconds_ago = serializers.IntegerField(allow_null=True)
    sentence = serializers.CharField()


def flat(hosts: Sequence[Host], ports: Tally, now: datetime) -> dict:
    """Return the summary of some hosts and of what listens on them."""
    summary = Overview.of(hosts, ports, now)
    looked_at = max(map(last_look, hosts), default=None)
    return {
        **asdict(summary.seen),
        "hosts": len(hosts),
        "hosts_silent": summary.silent,
        "last_look": looked_at,
        # A clock that was set back has seen looks that are still to come.
        "last_look_seconds_ago": looked_at and max(0, int((now - looked_at).total_seconds())),
        "sentence": str(summary),
    }


NAME = TEXT | {"minLength": 1}


class Flat(Asked, APIView):
    """A summary for dashboards."""

    parameters = ("host",)

    @extend_schema(
        operation_id="summary_flat",
        summary="The summary as one flat object",
        description="For Homepage's `customapi`, Grafana's Infinity and the like.",
        parameters=[OpenApiParameter("host", NAME, description="One host instead of all.")],
        responses=FlatSummary,
    )
    def get(self, request: Request) -> Response:
        now = timezone.now()
        every = list(Host.objects.all())
        hosts = present(every)
        retired = {host.host_id for host in every} - {host.host_id for host in hosts}
        ports = tally(now, every).without(retired)
        if name := request.query_params.get("host", ""):
            hosts = [host for host in hosts if host.host_id == name]
            if not hosts:
                raise NotFound(f"No host called “{safe(name, 64)}” was ever seen.")
            ports = ports.of_host(name)
        return Response(FlatSummary(flat(hosts, ports, now)).data)
