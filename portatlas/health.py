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
from collector.services import MISSED_SWEEPS, USUAL_INTERVAL

OK = "ok"


class HealthMiddleware:
    """
    Answers what must not depend on sessions and users, which are in the database.

    /healthz says that this process serves, and asks nobody, so that it never blames them.
    /readyz without a database is answered here; otherwise it is a page like any other.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.path == "/healthz":
            return HttpResponse("ok\n", content_type="text/plain")
        if request.path == "/readyz":
            try:
                connection.ensure_connection()
            except DatabaseError as exc:
                answer = f"It does not answer: {type(exc).__name__}."
                return JsonResponse({"database": answer}, status=503)
        return self.get_response(request)


@api_view()
@permission_classes([IsAuthenticated])
def ready(request: Request) -> Response:
    """Answer 200 when database, migrations and sweeps are as they should be, else 503 and why."""
    executor = MigrationExecutor(connection)
    checks = {"database": OK, "migrations": OK, "last_sweep": OK}
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        checks["migrations"] = "Some are not applied: run manage.py migrate."
    else:
        checks["last_sweep"] = _last_sweep(timezone.now())
    return Response(checks, status=200 if set(checks.values()) == {OK} else 503)


def _last_sweep(now: datetime) -> str:
    host = Host.objects.filter(pk=settings.PORTATLAS_HOST_ID).first()
    if host is None or host.last_sweep_at is None:
        return "This host was never swept: is the worker running?"
    patience = timedelta(seconds=MISSED_SWEEPS * (host.sweep_interval or USUAL_INTERVAL))
    if now - host.last_sweep_at > patience:
        return f"The last complete sweep was at {host.last_sweep_at.isoformat()}. {host.reason}"
    return OK
