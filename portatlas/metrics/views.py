"""`/metrics`: what Prometheus scrapes."""

import platform
from functools import cache

import django
from django.db import connection
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from rest_framework.request import Request
from rest_framework.views import APIView

from portatlas.discovery.formats import AnyFormat
from portatlas.metrics.families import families
from portatlas.metrics.reading import read
from portatlas.version import version

OPENMETRICS = "application/openmetrics-text"


class Atlas:
    """Collects when it is asked: no number is kept between two scrapes, nor in one process."""

    def collect(self):
        return families(read(timezone.now()), build())


registry = CollectorRegistry()
registry.register(Atlas())


@cache
def build() -> dict[str, str]:
    """Return which version this is, and on what it runs."""
    return {
        "version": version(),
        "python": platform.python_version(),
        "django": django.get_version(),
        "database": connection.vendor,
    }


@extend_schema(exclude=True)  # a format of its own; the README tells of it
class Metrics(APIView):
    """Every number, in the text format or in OpenMetrics, as the scraper prefers."""

    content_negotiation_class = AnyFormat

    def get(self, request: Request) -> HttpResponse:
        # Of what was asked for only the format counts: the library would echo the rest.
        wants_openmetrics = OPENMETRICS in request.headers.get("Accept", "")
        encode, content_type = choose_encoder(OPENMETRICS if wants_openmetrics else "")
        return HttpResponse(encode(registry), content_type=content_type)
