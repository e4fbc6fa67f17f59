"""What is answered to what somebody did: a word on where he was, or on its own to a script."""

from collections.abc import Callable
from functools import wraps
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.utils.http import url_has_allowed_host_and_scheme


def is_fragment(request: HttpRequest) -> bool:
    """Whether a script of the page asks, which puts the answer into its place."""
    return "HX-Request" in request.headers


def by_post(view: Callable) -> Callable:
    """
    Have a view answer what a button sent, and nothing else.

    Whoever comes by a link, or from the page to log in, is told on the board that nothing was
    done.
    """

    @wraps(view)
    def inner(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        if request.method == "POST":
            return view(request, *args, **kwargs)
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(["POST"])
        messages.warning(request, "Nothing was done: choose it on the board once more.")
        return HttpResponseRedirect(resolve_url("board"))

    return inner


def reply(request: HttpRequest, text: str, *, is_bad: bool = False, then: str = "") -> HttpResponse:
    """Say what was done, and go back to where it was asked, or on to another page."""
    (messages.error if is_bad else messages.success)(request, text)
    if is_fragment(request):
        return HttpResponse(status=204)
    # Not redirect(), which takes a word for the name of a view.
    return HttpResponseRedirect(then or back(request))


def back(request: HttpRequest) -> str:
    """Return the page to go back to, the one before unless it says which: one of ours."""
    asked = request.POST.get("next") or request.GET.get("next")
    if not asked:
        before = request.headers.get("Referer", "")
        came_in = urlsplit(before).path == resolve_url(settings.LOGIN_URL)
        asked = "" if came_in else before
    hosts, is_safe = {request.get_host()}, request.is_secure()
    return asked if url_has_allowed_host_and_scheme(asked, hosts, is_safe) else resolve_url("board")
