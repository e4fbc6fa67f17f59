"""Who brings sweeps: known by one statement, and counted so that a fleet is not kept out."""

from django.conf import settings
from django.utils import timezone
from rest_framework import exceptions
from rest_framework.request import Request

from collector.identity import refuse
from collector.models import Host
from collector.wire import Message
from portatlas.api.throttling import ByCaller, Rate, Window
from portatlas.tokens import authentication, services, statements
from portatlas.tokens.models import Token

BRING = "collector.add_host"  # the permission that it takes
FLEET = 10  # times as often as others may ask who brings the sweeps of many hosts
NEW_HOSTS = Rate(1000, 3600)  # that one who is bound to none may make known
# What one host may send: as much as if the largest sweep changed with every look.
BYTES = Rate(2 * 2**30, 3600)
FEW_BYTES = 4096  # what is not more is not weighed; a digest has 450
OF_WHOLE, OF_SOCKET = 32_768, 1024  # bytes that these count for beside their own


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
        rate = _for(request, Rate.of(settings.PORTATLAS_API_RATE))
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


def _for(request: Request, rate: Rate) -> Rate:
    """Return what a sender may of what one host may."""
    return rate if bound_to(request) else rate._replace(limit=rate.limit * FLEET)


def raise_if_too_much(request: Request, size: int) -> None:
    """
    Raise for a sender who within the hour sent more bytes than any machine has to tell.

    What it costs to read a sweep and to keep it grows with what it tells, not with the number of
    requests: so neither the processors nor the disk of the hub are for one host to fill.
    """
    window = Window("sweep-bytes", sender(request), _for(request, BYTES))
    if window.count(size) > window.rate.limit:
        reason = "These are more and larger sweeps in one hour than a machine has to tell."
        refuse(bound_to(request), timezone.now(), reason)
        raise exceptions.Throttled(window.rest, reason)


def raise_unless_light(request: Request, message: Message) -> None:
    """Raise as above, by what a sweep leaves behind, however few its bytes; most leave nothing."""
    sweep = message.sweep
    sockets = len(sweep.news.sockets) + sum(len(each.endpoints) for each in sweep.listeners)
    if weight := OF_SOCKET * sockets + (0 if message.digest else OF_WHOLE):
        raise_if_too_much(request, weight)


def raise_if_too_many_are_new(request: Request, host_id: str) -> None:
    """Raise for a host that nobody has heard of, if too many of them came within the hour."""
    if not Host.objects.filter(pk=host_id).exists():
        window = Window("new-hosts", sender(request), NEW_HOSTS)
        if window.count() > NEW_HOSTS.limit:
            raise exceptions.Throttled(window.rest, "These are too many new hosts in one hour.")
