"""What went wrong, told as RFC 9457 has it: `application/problem+json`, for every error."""

import json
import logging
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.template.defaultfilters import filesizeformat
from django.utils.encoding import escape_uri_path
from rest_framework import exceptions
from rest_framework.permissions import SAFE_METHODS
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import exception_handler as rest_framework_handler

from portatlas.api.problem_types import BY_NAME, Kind, of_status
from portatlas.api.renderers import PROBLEM, ProblemRenderer
from portatlas.api.rules import Rule

logger = logging.getLogger(__name__)

UNDER = "/api/"
# Said by REST framework in so few words that nobody knows what to do.
TERSE = (
    exceptions.NotAuthenticated,
    exceptions.MethodNotAllowed,
    exceptions.UnsupportedMediaType,
)
OF_ALL = {api_settings.NON_FIELD_ERRORS_KEY, "__all__"}  # errors of the whole, not of one field
RETRY_AFTER = 5  # seconds


class Problem(exceptions.APIException):
    """
    A problem of a kind of its own, with members and headers beside the usual ones.

    >>> Problem("changed", "The note is another by now.").status_code
    412
    """

    def __init__(self, name: str, detail: str, *, headers=None, **members):
        super().__init__(detail)
        self.kind = BY_NAME[name]
        self.status_code = self.kind.status
        self.headers, self.members = headers or {}, members


class InvalidParameter(exceptions.ValidationError):
    """Something in the address behind the question mark is wrong, whatever the method."""


def body(kind: Kind, status: int, detail: str, **members) -> dict[str, Any]:
    told = {"type": kind.address, "title": kind.title, "status": status, "detail": detail}
    return told | members


def of_validation(detail: Any, *, at: str = "", in_address: bool = False) -> dict[str, Any]:
    """Return the members of a problem of invalid input: `detail` and `errors`."""
    errors = list(_errors(detail, at, in_address=in_address))
    if len(errors) == 1:
        [error] = errors
        name = error.get("parameter", error.get("pointer", "")).removeprefix("#").removeprefix("/")
        text = f"{name}: {error['detail']}" if name else error["detail"]
    else:
        text = f"{len(errors)} things are wrong; see errors."
    return {"detail": text, "errors": errors}


def _errors(detail: Any, at: str, *, in_address: bool) -> Iterator[dict[str, str]]:
    """Flatten what REST framework nests into one error for each message."""
    if isinstance(detail, dict):
        for name, below in detail.items():
            path = at if name in OF_ALL else f"{at}/{_escaped(str(name))}"
            yield from _errors(below, path, in_address=in_address)
    elif isinstance(detail, (list, tuple)):
        for number, below in enumerate(detail):
            path = f"{at}/{number}" if isinstance(below, (dict, list)) else at
            yield from _errors(below, path, in_address=in_address)
    else:
        where = {"parameter": at.removeprefix("/")} if in_address else {"pointer": f"#{at}"}
        code = getattr(detail, "code", "")
        yield where | {"detail": str(detail)} | ({"code": code} if code in Rule else {})


def _escaped(name: str) -> str:
    """Write a name as RFC 6901 has it in a pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def handle(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Answer an exception of a view with a problem; None for what nobody expected."""
    request = context["request"]
    exc = _as_api_exception(exc)
    response = rest_framework_handler(exc, context)
    if response is None:
        return None
    response.data = _told(exc, response, request)
    for name, value in getattr(exc, "headers", {}).items():
        response[name] = value
    # Whatever the client accepts: this is how it learns that it accepts nothing we have.
    request.accepted_renderer, request.accepted_media_type = ProblemRenderer(), PROBLEM
    return response


def _as_api_exception(exc: Exception) -> Exception:
    """Give what Django and the database raise its place among the problems."""
    if isinstance(exc, RequestDataTooBig):
        most = filesizeformat(settings.DATA_UPLOAD_MAX_MEMORY_SIZE).replace("\xa0", " ")
        return Problem("too-large", f"A body has at most {most}.")
    if isinstance(exc, (SuspiciousOperation, UnreadablePostError)):
        return Problem("malformed", "The request breaks a rule of HTTP, or its body broke off.")
    if isinstance(exc, OperationalError):
        logger.error("The database did not answer.", exc_info=exc)
        wait = {"Retry-After": str(RETRY_AFTER)}
        return Problem("busy", "The database is busy or away: try again.", headers=wait)
    return exc


def _told(exc: Exception, response: Response, request) -> dict[str, Any]:
    status = response.status_code
    if isinstance(exc, exceptions.ValidationError):
        in_address = isinstance(exc, InvalidParameter) or request.method in SAFE_METHODS
        members = of_validation(exc.detail, in_address=in_address)
        return body(BY_NAME["invalid"], status, **members, instance=escape_uri_path(request.path))
    detail = response.data["detail"] if isinstance(response.data, dict) else response.data
    members = getattr(exc, "members", {})
    kind = getattr(exc, "kind", None) or of_status(status)
    if isinstance(exc, TERSE):
        detail = f"{detail} {kind.meaning}"
    return body(kind, status, str(detail), instance=escape_uri_path(request.path), **members)


class ProblemMiddleware:
    """
    Tells as a problem what Django itself answers below /api/, and what broke there.

    It stands before all others, so that no error is a page for people; it changes the body of an
    answer and keeps its other headers. A redirection keeps the method: what was to be written
    is sent on as it was, where 301 would make a GET of it.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not request.path_info.startswith(UNDER):
            return response
        if response.status_code == 301 and request.method not in SAFE_METHODS:
            response.status_code = 308
        if response.status_code < 400 or response.get("Content-Type", "") == PROBLEM:
            return response
        return _instead(request, response)


def _instead(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    kind = of_status(response.status_code)
    told = body(kind, response.status_code, kind.meaning, instance=escape_uri_path(request.path))
    response.content = json.dumps(told).encode()
    response["Content-Type"] = PROBLEM
    response["Content-Length"] = str(len(response.content))
    return response
