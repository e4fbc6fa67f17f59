"""What changed since a moment, and what differs between two hosts."""

from datetime import datetime
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from collector.models import Host
from collector.text import safe
from portatlas.board.changes import LINES, changes_since
from portatlas.board.difference import difference
from portatlas.board.selection import link
from portatlas.board.since import CHOICES, Since
from portatlas.board.unwatched import hosts_with_watch, sentences
from portatlas.board.views import may_see_ports
from portatlas.silence import last_look
from portatlas.words import ago


@may_see_ports
def changes(request: HttpRequest) -> HttpResponse:
    """Show what changed; with a second host in the URL, how two hosts differ instead."""
    if "with" in request.GET:
        return between(request)
    now = timezone.now()
    since = Since.parse(request.GET.get("since", ""), now)
    hosts = {host.host_id: host for host in hosts_with_watch(since.moment)}
    errors = [since.error] if since.error else []
    host = request.GET.get("host", "")
    if host and host not in hosts:
        errors.append(f"{_unknown(host)} What is shown is of all hosts.")
        host = ""
    asked = {"since": since.chosen or since.moment.isoformat(), "host": host}
    scope = [hosts[host]] if host else hosts.values()
    return render(
        request,
        "board/changes.html",
        {
            "errors": errors,
            "since": since,
            "was_looked": any(host.last_sweep_at for host in scope),
            "changes": changes_since(since.moment, now, host),
            "unwatched": sentences(scope, since.moment, now),
            "hosts": list(hosts),
            "host": host,
            "with_host": not host and len(hosts) > 1,
            "presets": [(name, link(asked, since=name)) for name in CHOICES],
            "since_link": link(asked),
            "compare_link": f"?{urlencode({'host': host, 'with': ''})}",
            "most": LINES,
        },
    )


def between(request: HttpRequest) -> HttpResponse:
    """Show what listens on one of two hosts only, and what on both but not alike."""
    now = timezone.now()
    hosts = {host.host_id: host for host in Host.objects.all()}
    pair = [request.GET.get(name, "") for name in ("host", "with")]
    errors = [_unknown(name) for name in dict.fromkeys(pair) if name and name not in hosts]
    if all(pair) and pair[0] == pair[1] and not errors:
        errors.append("That is the same host twice: choose two different ones.")
    found = difference(*pair, now) if all(pair) and not errors else None
    return render(
        request,
        "board/between.html",
        {
            "errors": errors,
            "hosts": list(hosts),
            "since_link": link({"host": pair[0] if pair[0] in hosts else ""}),
            "compare_link": request.get_full_path(),
            "one": pair[0],
            "other": pair[1],
            "difference": found,
            "looks": ", ".join(_look(hosts[name], now) for name in pair) if found else "",
            "most": LINES,
        },
    )


def _look(host: Host, now: datetime) -> str:
    return f"at {host.host_id} {ago(last_look(host), now)}"


def _unknown(host: str) -> str:
    return f"No host called “{safe(host, 64)}” was ever seen."
