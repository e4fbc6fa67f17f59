"""The list of hosts, and the page of one host."""

from datetime import datetime, timedelta

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from collector.models import Host
from collector.retirement import is_retired
from collector.timekeeping import ours
from portatlas.board import sight
from portatlas.board.fleet import fleet, total
from portatlas.board.selection import link
from portatlas.board.stretches import Bar, watch
from portatlas.board.transients import newest
from portatlas.board.views import may_see_ports
from portatlas.hosts import HostView
from portatlas.models import BOOT, Port
from portatlas.overview import Overview
from portatlas.tally import tally
from portatlas.words import ago, span

HOSTS = 100  # a page
EVENTS = 100  # of a host that its page tells


@may_see_ports
def hosts(request: HttpRequest) -> HttpResponse:
    """List every host with its sentence, those with trouble first."""
    now = timezone.now()
    query = request.GET.get("q", "").replace("\x00", "").strip()[:64]
    found = fleet(now, query)
    page = Paginator(found, HOSTS).get_page(request.GET.get("page"))
    chosen = {"q": query}
    return render(
        request,
        "board/hosts.html",
        {
            "query": query,
            "summary": total(found, now),
            "troubled": sum(each.is_troubled for each in found),
            "page": page,
            "next_link": page.has_next() and link(chosen, page=page.next_page_number()),
            "previous_link": page.has_previous() and link(chosen, page=page.previous_page_number()),
        },
    )


@may_see_ports
def host(request: HttpRequest, host_id: str) -> HttpResponse:
    """Show everything about one host: how it is seen, when it was watched, what happened to it."""
    now = timezone.now()
    try:
        found = Host.objects.get(pk=host_id)
    except Host.DoesNotExist as exc:
        raise Http404(f"No host called {host_id} was ever seen.") from exc
    # Only a host that has just booted has its ports counted.
    awaited = Port.objects.filter(host=found).awaited()
    found.awaited = awaited.count() if found.unsettled == BOOT else 0
    counted = tally(now, [found], Port.objects.filter(host=found))
    events = list(found.events.all()[:EVENTS])
    watched = watch(found, now)
    return render(
        request,
        "board/host.html",
        {
            "host": found,
            "view": HostView.of(found, now, events),
            "summary": Overview.of_host(found, counted, now),
            "retired": _retired(found, now),
            "events": events,
            "watch": watched,
            "bar": Bar.of(watched, now),
            "uptime": span(timedelta(seconds=found.uptime)) if found.uptime else "",
            "took": f"{found.duration * 1000:.0f} ms",
            "every": f"{found.sweep_interval:g} s" if found.sweep_interval else "",
            "last_sweep": ago(found.last_sweep_at, now) if found.last_sweep_at else "",
            "verdict": sight.verdict(found),
            "remedy": sight.remedy(found),
            "owners": sight.owners(found),
            "between_looks": sight.between_looks(found),
            "transients": newest(found),
            "never_shown": sight.NEVER_SHOWN,
        },
    )


def _retired(host: Host, now: datetime) -> str:
    return ago(ours(host.retired_at, host.clock_ahead), now) if is_retired(host) else ""
