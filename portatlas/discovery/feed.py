"""`/changes.atom`: what changed, for a feed reader."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.feedgenerator import Atom1Feed
from django.utils.html import escape
from drf_spectacular.utils import extend_schema
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.views import APIView

from collector.models import Host
from collector.text import safe
from portatlas.api.authentication import Basic
from portatlas.api.conditional import Conditional, conditional
from portatlas.discovery.formats import AnyFormat
from portatlas.discovery.news import Entry, news
from portatlas.tokens.authentication import Bearer

BACK = timedelta(days=30)
# RFC 4151: a name that nobody else mints; what follows says of which host and when.
TAG = "tag:portatlas.invalid,2026:"
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: str) -> str:
    """
    Replace what XML 1.0 forbids, even escaped (section 2.2).

    >>> clean("a\\x00b\\ud800\\uffff")
    'a\ufffdb\ufffd\ufffd'
    """
    return NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text)


class Feed(Atom1Feed):
    """Atom that is as old as its newest entry, and empty since ever."""

    def latest_post_date(self) -> datetime:
        return max((item["updateddate"] for item in self.items), default=NEVER)


@extend_schema(exclude=True)  # a format of its own; the README tells of it
class Changes(Conditional, APIView):
    """What appeared, vanished or changed owner, and what happened to hosts."""

    moves = False
    # Feed readers ask for a password where the first one, which answers 401, takes one.
    authentication_classes = (Basic, Bearer, SessionAuthentication)
    content_negotiation_class = AnyFormat

    @conditional
    def get(self, request: Request) -> HttpResponse:
        host = request.query_params.get("host", "")
        if host and not Host.objects.filter(pk=clean(host)).exists():
            raise NotFound(f"No host called “{safe(host, 64)}” was ever seen.")
        text = atom(request, news(timezone.now() - BACK, host), host)
        return HttpResponse(text, content_type=Atom1Feed.content_type)

    def finalize_response(self, request, response, *args, **kwargs):
        response = super().finalize_response(request, response, *args, **kwargs)
        patch_vary_headers(response, ["Authorization", "Cookie"])
        return response


def atom(request: HttpRequest, entries: list[Entry], host: str) -> str:
    """Write the entries down as Atom (RFC 4287), with absolute links."""
    page = reverse("changes") + (f"?{urlencode({'host': host})}" if host else "")
    feed = Feed(
        title=f"Port Atlas: {host or 'changes'}",
        link=request.build_absolute_uri(page),
        description="",
        subtitle="What appeared, vanished or changed owner.",
        author_name="Port Atlas",
        feed_url=request.build_absolute_uri(),
        feed_guid=f"{TAG}changes/{host}",
    )
    for entry in entries:
        feed.add_item(
            title=clean(entry.title),
            link=request.build_absolute_uri(_page_of(entry)),
            description=escape(clean(entry.text)),  # readers take it for HTML
            unique_id=TAG + entry.name,
            pubdate=entry.at,
            updateddate=entry.at,
            categories=[entry.what],
        )
    return feed.writeString("utf-8")


def _page_of(entry: Entry) -> str:
    if entry.port is None:
        return reverse("host", args=[entry.host_id])
    return reverse("port", args=[entry.host_id, entry.port.protocol, entry.port.port])
