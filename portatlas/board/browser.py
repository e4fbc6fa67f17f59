"""Where the reader's browser runs, as far as its request tells."""

from typing import NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class Browser(NamedTuple):
    """By which name it calls this site, and on which of our hosts it runs: "" for another."""

    site: str
    host_id: str


def browser_of(request: HttpRequest) -> Browser:
    """Return what a request tells of its browser: one that asks for loopback runs right here."""
    site = urlsplit(f"//{request.get_host()}").hostname or ""
    return Browser(site, settings.PORTATLAS_HOST_ID if site in LOOPBACK else "")
