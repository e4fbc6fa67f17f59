"""`/changes.atom`: what changed, for a feed reader."""

import re
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import get_conditional_response, patch_cache_control, patch_vary_headers
from django.utils.feedgenerator import Atom1Feed
from django.utils.html import escape
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.views import APIView

from collector.models import Host, HostEvent, PortEvent
from collector.text import safe
from notes.models import PortNote
from portatlas.discovery.formats import AnyFormat
from portatlas.discovery.news import Entry, news

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


def revision() -> tuple[str, datetime | None]:
    """Return what names the state of all feeds, and when it came about, in three statements."""
    last = [
        PortEvent.objects.order_by("-pk").values_list("pk", "timestamp").first(),
        HostEvent.objects.order_by("-pk").values_list("pk", "timestamp").first(),
        PortNote.history.order_by("-history_id").values_list("history_id", "history_date").first(),
    ]
    times = [each[1] for each in last if each]
    return repr([each and each[0] for each in last]), max(times, default=None)


class Feed(Atom1Feed):
    """Atom that is as old as its newest entry, and empty since ever."""

    def latest_post_date(self) -> datetime:
        return max((item["updateddate"] for item in self.items), default=NEVER)


@extend_schema(exclude=True)  # a format of its own; the README tells of it
class Changes(APIView):
    """What appeared, vanished or changed owner, and what happened to hosts."""

    content_negotiation_class = AnyFormat

    def get(self, request: Request) -> HttpResponse:
        host = request.query_params.get("host", "")
        if host and not Host.objects.filter(pk=clean(host)).exists():
            raise NotFound(f"No host called “{safe(host, 64)}” was ever seen.")
        state, modified = revision()
        told = repr((state, request.build_absolute_uri()))
        etag = f'"{blake2b(told.encode(), digest_size=12).hexdigest()}"'
        stamp = modified and int(modified.timestamp())
        response = get_conditional_response(request, etag, stamp)
        if response is None:
            entries = news(timezone.now() - BACK, host)
            text = atom(request, entries, host)
            response = HttpResponse(text, content_type=Atom1Feed.content_type)
        response["ETag"] = etag
        if modified:
            response["Last-Modified"] = f"{modified:%a, %d %b %Y %H:%M:%S} GMT"
        patch_cache_control(response, private=True, no_cache=True)
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
