"""The page of one port."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from portatlas.board import timeline
from portatlas.board.views import may_see_ports
from portatlas.models import Port

ENDS = 100  # sockets that it lists


@may_see_ports
def port(request: HttpRequest, host_id: str, protocol: str, number: str) -> HttpResponse:
    """Show everything about one port: fact, memory and timeline."""
    now = timezone.now()
    try:
        found = Port.objects.for_board(now).get(
            host_id=host_id, protocol=protocol, port=int(number)
        )
    except Port.DoesNotExist as exc:
        raise Http404(f"Port {number}/{protocol} was never seen on {host_id}.") from exc
    return render(
        request,
        "board/port.html",
        {
            "now": now,
            "port": found,
            "ends": found.ends[:ENDS],
            "lines": timeline.lines(found),
            "siblings": Port.objects.for_board(now)
            .filter(host_id=host_id, port=found.port)
            .exclude(pk=found.pk),
        },
    )
