"""
How often somebody may ask: each token, and each user without one, so many times in a minute.

Requests are counted in windows that begin with the minute, by one atomic step in the cache. Where
that is in the memory of a process, each process counts for itself.
"""

import ipaddress
import logging
from typing import NamedTuple

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from django.utils import timezone
from rest_framework.throttling import BaseThrottle

from portatlas import lockout
from portatlas.cache import no_answer
from portatlas.tokens.models import Token

logger = logging.getLogger(__name__)

SECONDS = {"sec": 1, "min": 60, "hour": 3600, "day": 86400}
NETWORK = 64  # bits of an IPv6 address: who has one, has all that begin so


class Rate(NamedTuple):
    """So many requests in so many seconds."""

    limit: int
    seconds: int

    @classmethod
    def of(cls, text: str) -> "Rate":
        """
        Read a rate as the settings have it.

        >>> Rate.of("60/min")
        Rate(limit=60, seconds=60)
        """
        limit, _slash, unit = text.partition("/")
        return cls(int(limit), SECONDS[unit])


class Window:
    """The requests of one caller since the minute, or whatever a rate is about, began."""

    def __init__(self, kind: str, who: str, rate: Rate):
        now = timezone.now().timestamp()
        number = int(now // rate.seconds)
        self.rate = rate
        self.key = f"portatlas:{kind}:{who}:{number}"
        self.rest = (number + 1) * rate.seconds - now  # seconds

    def count(self, weight: int = 1) -> int:
        """Count so many more and return how many there are; 0 if the cache does not answer."""
        try:
            cache.add(self.key, 0, timeout=self.rate.seconds + 1)
            return cache.incr(self.key, weight)
        except (no_answer(), ValueError) as exc:  # away, or thrown out a moment ago
            logger.warning("A request was not counted: %s", exc)
            return 0

    def is_spent(self) -> bool:
        try:
            return cache.get(self.key, 0) >= self.rate.limit
        except no_answer() as exc:
            logger.warning("Refusals were not looked up: %s", exc)
            return False


def network(address: str) -> str:
    """
    Return what an address is counted by, fit for the key of a cache.

    >>> network("192.0.2.7"), network("2001:db8::7"), network("::ffff:192.0.2.7"), network("x y")
    ('192.0.2.7', '2001:db8::/64', '192.0.2.7', 'unknown')
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, NETWORK), strict=False))


def refusals(request: HttpRequest) -> Window:
    """
    Return what is counted of the refusals of an address.

    Who shows a token or password, who a session, and who nothing at all are counted apart, so that
    none of them keeps the others out.
    """
    if "authorization" in request.headers:
        kind = "wrong"
    else:
        kind = "session" if settings.SESSION_COOKIE_NAME in request.COOKIES else "nothing"
    rate = Rate.of(settings.PORTATLAS_API_ANONYMOUS_RATE)
    return Window(kind, network(lockout.address(request)), rate)


class ByCaller(BaseThrottle):
    """Counts by token, else by user; whoever needs not say who he is, by address."""

    def allow_request(self, request, view):
        if isinstance(request.auth, Token):
            kind, who, rate = "token", str(request.auth.pk), settings.PORTATLAS_API_RATE
        elif request.user and request.user.is_authenticated:
            kind, who, rate = "user", str(request.user.pk), settings.PORTATLAS_API_RATE
        else:
            kind, who = "address", network(lockout.address(request))
            rate = settings.PORTATLAS_API_ANONYMOUS_RATE
        self.window = Window(kind, who, Rate.of(rate))
        return self.window.count() <= self.window.rate.limit

    def wait(self):
        return self.window.rest
