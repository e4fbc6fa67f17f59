"""
An address that is refused too often (a wrong password, an unknown token, nothing shown) waits.

REST framework asks its throttles only when somebody was let in, so this is a middleware.
"""

import math

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from portatlas import lockout
from portatlas.api.problem_types import of_status
from portatlas.api.problems import body
from portatlas.api.renderers import PROBLEM
from portatlas.api.throttling import Rate, Window, network


class RefusalsMiddleware:
    """
    Lets an address wait that was refused too often, before anybody looks at what it shows.

    Who shows a token or password, who a session, and who nothing at all are counted apart, so that
    none of them keeps the others out.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        if response.status_code == 401:
            refusals(request).count()
        return response

    def process_view(self, request, view, args, kwargs):
        if not hasattr(view, "cls"):  # no view of REST framework, which names its class
            return None
        window = refusals(request)
        return too_many(window) if window.is_spent() else None


def refusals(request: HttpRequest) -> Window:
    """Return what is counted of the refusals of an address."""
    if "authorization" in request.headers:
        kind = "wrong"
    else:
        kind = "session" if settings.SESSION_COOKIE_NAME in request.COOKIES else "nothing"
    rate = Rate.of(settings.PORTATLAS_API_ANONYMOUS_RATE)
    return Window(kind, network(lockout.address(request)), rate)


def too_many(window: Window) -> HttpResponse:
    wait = math.ceil(window.rest)
    detail = (
        f"Your address was refused too often. Ask again in {wait} s, with a token that is not "
        "expired or revoked, or with your user name and password."
    )
    return JsonResponse(
        body(of_status(429), 429, detail),
        status=429,
        content_type=PROBLEM,
        headers={"Retry-After": str(wait)},
    )
