"""The sentence on top of the board as numbers: of all hosts, and of each."""

from collections import Counter
from datetime import datetime

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from collector.models import Host
from collector.retirement import present
from portatlas import hosts
from portatlas.api.asking import Asked
from portatlas.api.at import AT, asked_at
from portatlas.api.conditional import Conditional, conditional
from portatlas.api.counts import CountsSerializer, LooksSerializer, counts, counts_then
from portatlas.models import Port
from portatlas.moment import iso
from portatlas.overview import Overview
from portatlas.retrospect import Retrospect
from portatlas.silence import last_look, silent_since
from portatlas.states import PortState
from portatlas.tally import Tally, tally
from portatlas.words import Summary

COUNTED = {
    "listening": 2,
    "known": 1,
    "unknown": 1,
    "unhealthy": 0,
    "missing": 1,
    "silent": None,
    "clients": 3,
    "states": dict.fromkeys(PortState.values, 0) | {"known": 1, "unnoted": 1, "ghost": 1},
    "last_look_at": None,
    "looks": {"up": 2, "down": 1, "unknown": 0},
    "reason": "",
}
THEN = OpenApiExample(
    "At a time",
    {
        "at": "2026-01-01T14:00:00Z",
        "text": "2 ports listening: 1 you know, 1 you don't, none is unhealthy. "
        "1 expected port is missing.",
        **COUNTED,
        "hosts": [{"host_id": "atlas", "silent_since": None, "problems": None, **COUNTED}],
    },
    response_only=True,
)
WHY = "With `at`: why something is not known of then."


class HostSummarySerializer(CountsSerializer):
    """What there is on one host, and how well that is seen."""

    host_id = serializers.CharField()
    last_look_at = serializers.DateTimeField(allow_null=True)
    silent_since = serializers.DateTimeField(allow_null=True)
    problems = serializers.ListField(child=serializers.CharField(), allow_null=True)
    looks = LooksSerializer(required=False)
    reason = serializers.CharField(required=False, allow_blank=True, help_text=WHY)


class SummarySerializer(CountsSerializer):
    """
    What there is on all hosts together, the sentence that says it, and the same of each host.

    Hosts that are retired are left out, but for a time with `at`. Times are by the hub's clock.

    Asked about a time with `at`, it tells how many ports were up, down and nobody knows, and how
    those of which that is known stood then. If too much happened since, only the former.
    """

    at = serializers.DateTimeField(allow_null=True)
    text = serializers.CharField(allow_null=True)
    last_look_at = serializers.DateTimeField(allow_null=True)
    looks = LooksSerializer(required=False)
    reason = serializers.CharField(required=False, allow_blank=True, help_text=WHY)
    hosts = HostSummarySerializer(many=True)


class SummaryView(Asked, Conditional, APIView):
    """How many ports listen, and how many of them are known."""

    parameters = ("at",)

    @conditional
    @extend_schema(
        parameters=[AT], responses=SummarySerializer, operation_id="summary", examples=[THEN]
    )
    def get(self, request):
        now = timezone.now()
        then = asked_at(request, now)
        return Response(_then(then, now) if then else _now(now))


def _now(now: datetime) -> dict:
    every = hosts.hosts_of(hosts.rows())
    found = present(every)
    retired = {host.host_id for host in every} - {host.host_id for host in found}
    counted = tally(now, every).without(retired)
    overview = Overview.of(found, counted, now)
    return {
        "at": None,
        "text": str(overview),
        "last_look_at": iso(max(map(last_look, found), default=None)),
        **counts(counted, overview),
        "hosts": [_of_host(host, counted.of_host(host.host_id), now) for host in found],
    }


def _of_host(host: Host, counted: Tally, now: datetime) -> dict:
    return {
        "host_id": host.host_id,
        "last_look_at": iso(last_look(host)),
        "silent_since": iso(silent_since(host, now)),
        "problems": list(hosts.problems(host, now)),
        **counts(counted, Overview.of_host(host, counted, now)),
    }


def _then(then: datetime, now: datetime) -> dict:
    counted = Retrospect(Port.objects.order_by(), Host.objects.in_bulk(), then, now).counted()
    numbers = counted.tally
    unknown = {"last_look_at": None}
    return {
        "at": iso(then),
        "text": numbers and str(Summary.of(numbers.counts())),
        **unknown,
        **counts_then(sum(counted.looks.values(), Counter()), numbers, counted.unknown.total()),
        "hosts": [
            {
                "host_id": host_id,
                "silent_since": None,
                "problems": None,
                **unknown,
                **counts_then(
                    looks, numbers and numbers.of_host(host_id), counted.unknown[host_id]
                ),
            }
            for host_id, looks in sorted(counted.looks.items())
        ],
    }
