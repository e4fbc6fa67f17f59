"""The card board."""

from collections.abc import Sequence
from datetime import datetime

from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import cache_control
from django.views.decorators.http import condition
from django.views.decorators.vary import vary_on_headers

from collector.models import Host
from collector.retirement import is_retired
from portatlas import facets, moves
from portatlas.board import revision
from portatlas.board.browser import browser_of
from portatlas.board.cards import TOLD, cards
from portatlas.board.chips import group_chips, host_chips, state_chips
from portatlas.board.groups import grouped
from portatlas.board.lane import lane
from portatlas.board.replies import is_fragment
from portatlas.board.selection import Selection
from portatlas.board.steps import first_steps
from portatlas.hosts import OF_HOST, host_views, hosts_of
from portatlas.models import MAY_WRITE, SEE_PORTS, Port
from portatlas.overview import Overview
from portatlas.silence import last_look, silent_since
from portatlas.tally import Tally, page, tally
from portatlas.words import ago

CARDS = 100  # a page
REFRESH, REFRESH_IN_TIME = 5000, 1000  # milliseconds; the latter where a kernel tells of events
MOST_TROUBLE = 10  # hosts of which the board tells what is wrong

may_see_ports = permission_required(SEE_PORTS, raise_exception=True)


@may_see_ports
@cache_control(private=True, no_cache=True)
@vary_on_headers("HX-Request")
@revision.tells_last_look
@condition(etag_func=revision.etag)
def board(request: HttpRequest) -> HttpResponse:
    """Show every port as a card, the most urgent first. All of the filter is in the address."""
    now = timezone.now()
    selection = Selection.of(request.GET)
    every = hosts_of(request.hosts)
    hosts = [host for host in every if host.host_id == selection.host or not is_retired(host)]
    retired = {host.host_id for host in every} - {host.host_id for host in hosts}
    if selection.host and selection.host not in {host.host_id for host in hosts}:
        raise Http404("No host of this name was ever seen.")
    shown = [host for host in hosts if selection.host in {"", host.host_id}]
    views = host_views(shown, now)

    with_clients = bool(selection.clients)
    everything = tally(now, every, with_clients=with_clients).without(retired)
    visible = everything.of_host(selection.host) if selection.host else everything
    ports = Port.objects.exclude(host__in=retired) if retired else Port.objects.all()
    ports = selection.narrow(ports, now.date(), [facet.find for facet in request.facets])
    found = visible
    if selection.is_narrowed:
        found = tally(now, every, ports, with_clients=with_clients)
    chosen = found.in_state(selection.state) if selection.state else found
    if selection.state:
        ports = ports.with_state(now).in_state(selection.state)
    pages = max(1, -(-chosen.total // CARDS))
    number = min(selection.page, pages)
    rows = _rows(ports, selection, chosen, now, (number - 1) * CARDS, hosts)
    may_write = request.user.has_perms(MAY_WRITE)
    drawn = cards(
        rows,
        now,
        show_host=len(hosts) > 1,
        may_write=may_write,
        browser=browser_of(request),
        moved=_moved(rows),
        beside=facets.shown(request.facets, rows, now),
        link=selection.link,
    )
    looked_at = max(map(last_look, shown), default=None)
    troubled = [view for view in views if view.problems or view.news]
    context = {
        "now": now,
        "selection": selection,
        "here": request.get_full_path(),
        "hosts": hosts,
        "refresh_every": REFRESH_IN_TIME if _is_told_in_time(shown, now) else REFRESH,
        "shown": views[0] if len(views) == 1 else None,
        "summary": Overview.of(shown, visible, now),
        "troubled": troubled[:MOST_TROUBLE],
        "more_trouble": len(troubled) - MOST_TROUBLE,
        "last_look": looked_at,
        "last_look_words": looked_at and ago(looked_at, now),
        "steps": first_steps(bool(hosts)) if may_write else [],
        "all_hosts_link": selection.link(host=""),
        "no_owner_link": selection.link(owner=""),
        "no_tag_link": selection.link(tag=""),
        "host_chips": host_chips(hosts, everything, selection, now),
        "state_chips": state_chips(found, selection),
        "group_chips": group_chips(selection),
        "clients": found.clients,
        "clients_link": selection.link(clients="" if with_clients else "1"),
        "to_review": chosen.total if selection.stale else ports.stale(now.date()).count(),
        "stale_link": selection.link(stale="" if selection.stale else "1"),
        "groups": grouped(drawn, rows, ports, selection, chosen),
        "total": chosen.total,
        "number": number,
        "pages": pages,
        "previous_link": selection.link(page=number - 1) if number > 1 else "",
        "next_link": selection.link(page=number + 1) if number < pages else "",
        "lane": lane(selection, now.date()),
        "may_write": may_write,
    }
    template = "board/_board.html" if is_fragment(request) else "board/board.html"
    return render(request, template, context)


def _rows(  # noqa: PLR0913  # what is shown, and where in it
    ports, selection: Selection, numbers: Tally, now: datetime, offset: int, hosts: list[Host]
) -> list[Port]:
    """Return the ports of a page: in the board's order, or in that of the groups."""
    if not selection.group:
        return page(
            now,
            ports.only(*TOLD),
            numbers,
            offset=offset,
            limit=CARDS,
            with_clients=bool(selection.clients),
            hosts=hosts,
        )
    board = ports.for_board(now).only(*TOLD, *(f"host__{name}" for name in OF_HOST))
    if not selection.clients:
        board = board.without_clients()
    return list(board.order_by(*selection.order)[offset : offset + CARDS])


def _is_told_in_time(hosts: Sequence[Host], now: datetime) -> bool:
    """Whether what happens to any of the hosts is known before its next look is due."""
    return any(host.event_source and not silent_since(host, now) for host in hosts)


def _moved(rows: Sequence[Port]) -> dict[int, Port]:
    """Return where the programs of ports that have gone, and have a note, listen now."""
    gone = [port for port in rows if port.note and not port.is_active]
    own = [port for port in gone if not port.note.speaks_for_every_host]
    return moves.moved_to(own, moves.candidates(own)) if own else {}
