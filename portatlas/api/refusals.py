"""
An address that is refused too often (a wrong password, an unknown token, nothing shown) waits.

REST framework asks its throttles only when somebody was let in, so this is a middleware.
"""

import math

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.encoding import escape_uri_path

from portatlas.api.problem_types import of_status
from portatlas.api.problems import body
from portatlas.api.renderers import PROBLEM
from portatlas.api.throttling import Window, refusals


class RefusalsMiddleware:
    """
    Lets an address wait that was refused too often, before anybody looks at what it shows.

    What was answered with 401 counts, and what a lock-out was: see `Basic`. A token of which one
    statement tells whether it is right neither counts nor waits where the agents of a fleet, behind
    one address, show theirs: a view says so by `is_for_fleets`.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        if response.status_code == 401 and not _is_of_fleet(request):
            refusals(request).count()
        return response

    def process_view(self, request, view, args, kwargs):
        if not hasattr(view, "cls") or _is_of_fleet(request):
            return None  # a view of REST framework names its class
        window = refusals(request)
        return too_many(request, window) if window.is_spent() else None


def _is_of_fleet(request: HttpRequest) -> bool:
    view = getattr(request.resolver_match and request.resolver_match.func, "cls", None)
    shows_token = request.headers.get("Authorization", "").lower().startswith("bearer ")
    return shows_token and getattr(view, "is_for_fleets", False)


def too_many(request: HttpRequest, window: Window) -> HttpResponse:
    wait = math.ceil(window.rest)
    detail = (
        f"Your address was refused too often. Ask again in {wait} s, with a token that is not "
        "expired or revoked, or with your user name and password."
    )
    return JsonResponse(
        body(of_status(429), 429, detail, instance=escape_uri_path(request.path)),
        status=429,
        content_type=PROBLEM,
        headers={"Retry-After": str(wait)},
    )
