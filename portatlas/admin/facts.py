"""The admin of the facts, with links to the pages about them."""

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from collector import admin as plain
from collector import asking
from collector.models import Coverage, Host, HostEvent, PortEvent, Transient
from portatlas.admin.linked import host_link, in_place_of, moment, port_address
from portatlas.board.timeline import Line
from portatlas.board.triage import PATIENCE
from portatlas.models import MAY_WRITE


@in_place_of(Host)
class HostAdmin(plain.HostAdmin):
    """Hosts, and a button that has this installation's own looked at."""

    list_display = (
        "host_id",
        "verdict",
        "reason",
        "refused_reason",
        "looked",
        "owners_seen",
        "what_listens",
    )

    @admin.display(description="last look (UTC)", ordering="last_look_at")
    def looked(self, host):
        return moment(host.last_look_at)

    @admin.display(description="what listens")
    def what_listens(self, host):
        address = reverse("admin:portatlas_port_changelist", query={"host": host.pk})
        return format_html('<a href="{}">Ports</a>', address)

    def view_on_site(self, host):
        return reverse("host", args=[host.pk])

    def get_urls(self):
        look = self.admin_site.admin_view(require_POST(self.look))
        return [path("look/", look, name="collector_host_look"), *super().get_urls()]

    def changelist_view(self, request, extra_context=None):
        may_look = request.user.has_perms(MAY_WRITE)
        return super().changelist_view(request, {"may_look": may_look, **(extra_context or {})})

    def look(self, request: HttpRequest) -> HttpResponse:
        """Look at this machine now, and say what came of it. Other hosts are not ours to ask."""
        if not request.user.has_perms(MAY_WRITE):
            raise PermissionDenied
        answer = asking.ask(settings.PORTATLAS_HOST_ID, patience=PATIENCE)
        tell = messages.success if answer.is_believed else messages.error
        tell(request, answer.text)
        came_from = request.POST.get("from")
        return redirect(
            "admin:index" if came_from == "index" else "admin:collector_host_changelist"
        )


@in_place_of(PortEvent)
class PortEventAdmin(plain.PortEventAdmin):
    list_display = ("when", "of_port", "event_type", "what_changed", "pid", "cause")
    sortable_by = ("when", "of_port", "event_type", "cause")

    @admin.display(description="when (UTC)", ordering="timestamp")
    def when(self, event):
        return moment(event.timestamp)

    @admin.display(description="port", ordering="port_runtime__port")
    def of_port(self, event):
        port = event.port_runtime
        return format_html('<a href="{}">{}</a>', port_address(port), port)

    @admin.display(description="what changed")
    def what_changed(self, event):
        return changes_in_words(event)


@in_place_of(HostEvent)
class HostEventAdmin(plain.HostEventAdmin):
    list_display = ("when", "of_host", "event_type", "detail")

    @admin.display(description="when (UTC)", ordering="timestamp")
    def when(self, event):
        return moment(event.timestamp)

    @admin.display(description="host", ordering="host")
    def of_host(self, event):
        return host_link(event.host_id)


@in_place_of(Transient)
class TransientAdmin(plain.TransientAdmin):
    list_display = ("opened", "closed", "of_host", "port", "protocol", "process_name", "pid")
    sortable_by = list_display[:-1]

    @admin.display(description="opened (UTC)", ordering="opened_at")
    def opened(self, transient):
        return moment(transient.opened_at)

    @admin.display(description="closed (UTC)", ordering="closed_at")
    def closed(self, transient):
        return moment(transient.closed_at)

    @admin.display(description="host", ordering="host")
    def of_host(self, transient):
        return host_link(transient.host_id)


@in_place_of(Coverage)
class CoverageAdmin(plain.CoverageAdmin):
    list_display = ("started_at", "of_host", *plain.CoverageAdmin.list_display[2:])

    @admin.display(description="host", ordering="host")
    def of_host(self, coverage):
        return host_link(coverage.host_id)


def changes_in_words(event: PortEvent) -> str:
    """
    Say what an event changed.

    >>> changes_in_words(PortEvent(changes={"process_name": ["nginx", "caddy"], "user": ["", "w"]}))
    'process: nginx → caddy; user: nothing → w'
    """
    return "; ".join(
        f"{change.name}: {change.old[:80] or 'nothing'} → {change.new[:80] or 'nothing'}"
        for change in Line.of_port(event).changes
    )
