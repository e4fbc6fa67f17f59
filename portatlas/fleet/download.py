"""`/agent.pyz`: the agent as one file, for who may have a machine report here."""

from functools import cache
from hashlib import blake2b

from django.http import HttpResponse
from django.utils.cache import get_conditional_response, patch_cache_control
from drf_spectacular.utils import extend_schema
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from collector.agent import archive
from portatlas.discovery.formats import AnyFormat
from portatlas.fleet.enrolment import MAY_ENROL
from portatlas.tokens.authentication import Bearer
from portatlas.tokens.models import Token
from portatlas.tokens.scopes import Scope

KEPT = ("WWW-Authenticate", "Retry-After", "Allow")  # headers of an error


@cache
def built() -> tuple[bytes, str]:
    """Return the agent and its ETag; each process builds it once."""
    data = archive.build()
    return data, f'"{blake2b(data, digest_size=12).hexdigest()}"'


class MayInstall(BasePermission):
    """Lets in who shows a token that brings sweeps, and who may add hosts."""

    message = "You may not add hosts."

    def has_permission(self, request, view):
        if isinstance(request.auth, Token):
            self.message = f"This token lacks the scope {Scope.WRITE_SWEEPS}, or its user may not."
            is_allowed = request.auth.allows(Scope.WRITE_SWEEPS)
            return is_allowed and request.user.has_perm("collector.add_host")
        return bool(request.user and request.user.has_perms(MAY_ENROL))


class AgentFile(APIView):
    """The file, or an error as a line of text: who asks is a script, and somebody reads it."""

    authentication_classes = [Bearer, SessionAuthentication]
    permission_classes = [MayInstall]
    content_negotiation_class = AnyFormat

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        data, etag = built()
        response = get_conditional_response(request, etag=etag)
        if response is None:
            response = HttpResponse(
                data,
                content_type="application/zip",
                headers={"Content-Disposition": f'attachment; filename="{archive.NAME}"'},
            )
        response.headers["ETag"] = etag
        patch_cache_control(response, private=True, no_cache=True)
        return response

    def handle_exception(self, exc: Exception) -> HttpResponse:
        told = super().handle_exception(exc)
        headers = {name: told[name] for name in KEPT if name in told}
        return HttpResponse(
            f"{told.data['detail']}\n",
            status=told.status_code,
            content_type="text/plain; charset=utf-8",
            headers=headers,
        )
