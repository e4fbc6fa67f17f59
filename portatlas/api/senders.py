"""Who brings sweeps: known by one statement, and counted so that a fleet is not kept out."""

from django.conf import settings
from django.utils import timezone
from rest_framework import exceptions
from rest_framework.request import Request

from collector.models import Host
from portatlas.api.throttling import ByCaller, Rate, Window
from portatlas.tokens import authentication, services, statements
from portatlas.tokens.models import Token

BRING = "collector.add_host"  # the permission that it takes
FLEET = 10  # times as often as others may ask who brings the sweeps of many hosts
NEW_HOSTS = Rate(1000, 3600)  # that one who is bound to none may make known


def opened(secret: str) -> Token:
    """
    Return the token that a secret opens, read with what its user may in one statement.

    Raises AuthenticationFailed.
    """
    now = timezone.now()
    found = authentication.is_shaped(secret) and statements.opened(secret, BRING, now)
    if not found:
        raise exceptions.AuthenticationFailed(authentication.REFUSED)
    token, is_due = found
    if is_due:
        services.use(token, at=now)
    return token


class ByHost(ByCaller):
    """
    Counts by token, apart from what else it is used for.

    A host sends four sweeps in a minute, and those that it kept while the hub was away. All hosts
    behind one address have their own tokens; a token of many hosts is used more often.
    """

    def allow_request(self, request, view):
        rate = Rate.of(settings.PORTATLAS_API_RATE)
        if not bound_to(request):
            rate = rate._replace(limit=rate.limit * FLEET)
        self.window = Window("sweeps", sender(request), rate)
        return self.window.count() <= rate.limit


def bound_to(request: Request) -> str:
    """Return the only host of which something may be brought, "" if there is no such limit."""
    return request.auth.host_id if isinstance(request.auth, Token) else ""


def sender(request: Request) -> str:
    """Return what a sender is counted by."""
    if isinstance(request.auth, Token):
        return f"token-{request.auth.pk}"
    return f"user-{request.user.pk}"


def raise_if_too_many_are_new(request: Request, host_id: str) -> None:
    """Raise for a host that nobody has heard of, if too many of them came within the hour."""
    if not Host.objects.filter(pk=host_id).exists():
        window = Window("new-hosts", sender(request), NEW_HOSTS)
        if window.count() > NEW_HOSTS.limit:
            raise exceptions.Throttled(window.rest, "These are too many new hosts in one hour.")
