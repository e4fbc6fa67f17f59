"""Ports as targets, in the JSON of Prometheus' `http_sd`."""

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portatlas.api.conditional import conditional
from portatlas.discovery.facts import facts
from portatlas.discovery.listing import Listing, TargetFilter
from portatlas.models import Port

META = "__meta_portatlas_"


def group(port: Port) -> dict[str, list[str] | dict[str, str]]:
    """
    Return the target group of one port.

    The target is the host's name, which Prometheus has to resolve; by the meta labels it can be
    relabelled. Lists have a comma on both sides, as in Prometheus' own discoveries, so that a
    word of them is matched by `.*,word,.*`.
    """
    host = f"[{port.host_id}]" if ":" in port.host_id else port.host_id
    labels = {META + name: _label(value) for name, value in facts(port).items()}
    return {"targets": [f"{host}:{port.port}"], "labels": labels}


def _label(value: str | int | list[str]) -> str:
    """
    Say a fact in a label.

    >>> _label(80), _label(["web", "shop"]), _label([])
    ('80', ',web,shop,', '')
    """
    if isinstance(value, list):
        return f",{','.join(value)}," if value else ""
    return str(value)


class TargetGroup(serializers.Serializer):
    """One port that can be scraped or probed."""

    targets = serializers.ListField(child=serializers.CharField())
    labels = serializers.DictField(child=serializers.CharField(allow_blank=True))


EXAMPLE = [
    {
        "targets": ["atlas:9100"],
        "labels": {
            f"{META}host": "atlas",
            f"{META}port": "9100",
            f"{META}title": "Node exporter",
            f"{META}tags": ",monitored,",
        },
    }
]


class Targets(Listing):
    """Targets for Prometheus."""

    serializer_class = TargetGroup
    filterset_class = TargetFilter

    @extend_schema(
        operation_id="discovery_prometheus",
        summary="Ports as targets for Prometheus",
        description=(
            "The JSON of `http_sd`: one target for each port. Without filters those that are "
            "known or healthy, listen beyond loopback and speak TCP; `state`, `protocol` and "
            "`scope` ask for others. Each fact is a label `__meta_portatlas_…`."
        ),
        responses=TargetGroup(many=True),
        examples=[OpenApiExample("A target", EXAMPLE[0], response_only=True)],
    )
    @conditional
    def get(self, request: Request) -> Response:
        return Response([group(port) for port in self.ports()])
