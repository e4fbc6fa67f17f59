"""Requests by a name that is none of this site's: who sent one is told what to do about it."""

from http import HTTPStatus

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.views import defaults

TEXT = (
    "This site is not to be asked for by the name that your address has. If the name is right, "
    "whoever runs Port Atlas adds it to PORTATLAS_ALLOWED_HOSTS and starts it again.\n"
)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """
    Answer what breaks a rule of HTTP: 400, or 421 (RFC 9110, 15.5.20) for the wrong name.

    An agent takes 400 for a word about its sweep, and drops that.
    """
    if isinstance(exception, DisallowedHost):
        return HttpResponse(
            TEXT,
            status=HTTPStatus.MISDIRECTED_REQUEST,
            content_type="text/plain; charset=utf-8",
        )
    return defaults.bad_request(request, exception)
