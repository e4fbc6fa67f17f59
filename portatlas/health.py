"""Two questions a supervisor asks: is the process up, and is it fit for work?"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpResponse, JsonResponse
from django.utils import timezone
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from collector.models import Host
from collector.timekeeping import MISSED_SWEEPS, USUAL_INTERVAL

OK = "ok"


class HealthMiddleware:
    """
    Answers what must not depend on sessions and users, which are in the database.

    /healthz says that this process serves, and asks nobody, so that it never blames them.
    /readyz without a database, or one that is not migrated, is answered here too; otherwise it
    is a page like any other.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.path == "/healthz":
            return HttpResponse("ok\n", content_type="text/plain")
        if request.path == "/readyz":
            try:
                executor = MigrationExecutor(connection)
                plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
            except DatabaseError as exc:
                answer = f"It does not answer: {type(exc).__name__}."
                return JsonResponse({"database": answer}, status=503)
            if plan:
                answer = "Some are not applied: run manage.py migrate."
                return JsonResponse({"database": OK, "migrations": answer}, status=503)
        return self.get_response(request)


@api_view()
@permission_classes([IsAuthenticated])
def ready(request: Request) -> Response:
    """Answer 200 when this host is swept as it should be, else 503 and why."""
    last_sweep = _last_sweep(timezone.now())
    checks = {"database": OK, "migrations": OK, "last_sweep": last_sweep}
    return Response(checks, status=200 if last_sweep == OK else 503)


def _last_sweep(now: datetime) -> str:
    host = Host.objects.filter(pk=settings.PORTATLAS_HOST_ID).first()
    if host is None or host.last_sweep_at is None:
        return "This host was never swept: is the worker running?"
    if host.last_look_at > now:
        return f"The clock was set back: looks are dropped until {host.last_look_at.isoformat()}."
    patience = timedelta(seconds=MISSED_SWEEPS * (host.sweep_interval or USUAL_INTERVAL))
    if now - host.last_sweep_at > patience:
        why = host.reason or host.refused_reason
        return f"The last complete sweep was at {host.last_sweep_at.isoformat()}. {why}".strip()
    return OK
