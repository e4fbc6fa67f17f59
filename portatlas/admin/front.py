"""The first page of the admin: what listens, in one sentence, and the saved views."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from collector.models import Host
from collector.retirement import present
from portatlas.models import MAY_WRITE, SEE_PORTS, SavedView
from portatlas.overview import Overview
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
    return admin.site.index(request, extra)
