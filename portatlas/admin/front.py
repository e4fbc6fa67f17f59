"""The first page of the admin: what listens and what is reserved, and the saved views."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from collector.models import Host
from collector.retirement import present
from portatlas.bookings import Status
from portatlas.models import MAY_WRITE, SEE_PORTS, SavedView
from portatlas.overview import Overview
from portatlas.reserving.booking_tally import Counts, by_project
from portatlas.tally import tally


def index(request: HttpRequest) -> HttpResponse:
    """Show Django's own index below the sentence, to whom may see ports."""
    extra = {}
    if request.user.has_perms(SEE_PORTS):
        every, now = list(Host.objects.all()), timezone.now()
        hosts = present(every)
        retired = {host.host_id for host in every} - {host.host_id for host in hosts}
        summary = Overview.of(hosts, tally(now, every).without(retired), now)
        extra = {
            "summary": summary,
            "hosts": hosts,
            "was_looked": summary.seen.listening or any(host.last_sweep_at for host in hosts),
            "views": SavedView.objects.all(),
            "may_look": request.user.has_perms(MAY_WRITE),
        }
    if request.user.has_perm("reservations.view_reservation"):
        extra["bookings"] = _bookings()
    return admin.site.index(request, extra)


def _bookings() -> list[tuple[Status, int]]:
    """Count the reservations in each status that there is, the most urgent first."""
    counts = Counts.of(by_project(timezone.now()).values()).by_status
    return [(status, counts[status]) for status in Status if counts[status]]
