"""The card board."""

from urllib.parse import urlencode

from django.contrib.auth.decorators import permission_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from portatlas.board.hosts import host_views
from portatlas.board.words import Summary
from portatlas.models import SEE_PORTS, Memory, Port
from portatlas.states import PortState

CARDS = 100  # a page

may_see_ports = permission_required(SEE_PORTS, raise_exception=True)


@may_see_ports
def board(request: HttpRequest) -> HttpResponse:
    """Show every port as a card, the most urgent first. All of the filter is in the URL."""
    now = timezone.now()
    query = request.GET.get("q", "").strip()[:200]
    state = request.GET.get("state", "")
    host = request.GET.get("host", "")
    with_clients = request.GET.get("clients") == "1"

    hosts = host_views(now)
    if host and host not in {each.host_id for each in hosts}:
        raise Http404("No host of this name was ever seen.")

    everything = Port.objects.for_board(now)
    if host:
        everything = everything.filter(host_id=host)
    visible = everything if with_clients else everything.without_clients()
    found = visible.search(query)
    totals = visible.state_counts()
    counts = found.state_counts() if query else totals
    cards = found.in_state(state) if state in PortState.values else found
    page = Paginator(cards, CARDS).get_page(request.GET.get("page"))

    chosen = {"q": query, "state": state, "host": host, "clients": "1" if with_clients else ""}
    is_filtered = any(chosen.values())
    return render(
        request,
        "board/board.html",
        {
            "now": now,
            "page": page,
            "summary": Summary.of(totals),
            "hosts": hosts,
            "shown_hosts": [each for each in hosts if host in {"", each.host_id}],
            "chips": chips(counts, chosen),
            "chosen": chosen,
            "is_filtered": is_filtered,
            "clients_link": link(chosen, clients="" if with_clients else "1"),
            "clients": everything.clients().count(),
            "next_link": page.has_next() and link(chosen, page=page.next_page_number()),
            "previous_link": page.has_previous() and link(chosen, page=page.previous_page_number()),
            "never_seen": ()
            if is_filtered
            else Memory.objects.filter(runtime__isnull=True)[:CARDS],
        },
    )


def chips(counts, chosen: dict) -> list[dict]:
    """Return a chip for each state, and for all, with its count and its link."""
    by_state = {state: counts[state, True] + counts[state, False] for state in PortState}
    rows = [("", "All", "every port", sum(by_state.values()))]
    rows += [(state.value, state.label, state.meaning, by_state[state]) for state in PortState]
    return [
        {
            "value": value,
            "label": label,
            "meaning": meaning,
            "count": count,
            "link": link(chosen, state=value),
            "is_chosen": value == chosen["state"],
        }
        for value, label, meaning, count in rows
    ]


def link(chosen: dict, **changes) -> str:
    query = urlencode({name: value for name, value in (chosen | changes).items() if value})
    return f"?{query}"
