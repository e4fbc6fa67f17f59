from django.contrib import admin

from collector.models import Coverage, Host, HostEvent, PortEvent, Transient


class ReadOnlyAdmin(admin.ModelAdmin):
    """Facts are observed, not edited."""

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False


@admin.register(Host)
class HostAdmin(ReadOnlyAdmin):
    list_display = ("host_id", "verdict", "reason", "refused_reason", "last_look_at", "owners_seen")
    list_filter = ("verdict", "owners_seen")
    search_fields = ("host_id", "machine_id")


@admin.register(PortEvent)
class PortEventAdmin(ReadOnlyAdmin):
    list_display = ("timestamp", "port_runtime", "event_type", "pid", "cause")
    list_filter = ("event_type", "cause", "port_runtime__host")
    list_select_related = ("port_runtime",)
    search_fields = (
        "=port_runtime__port",
        "port_runtime__process_name",
        "port_runtime__container_name",
        "port_runtime__image",
        "port_runtime__compose_service",
        "port_runtime__socket_unit",
    )
    date_hierarchy = "timestamp"
    show_full_result_count = False


@admin.register(HostEvent)
class HostEventAdmin(ReadOnlyAdmin):
    list_display = ("timestamp", "host", "event_type", "detail")
    list_filter = ("event_type", "host")
    list_select_related = ("host",)
    search_fields = ("detail",)
    date_hierarchy = "timestamp"
    show_full_result_count = False


@admin.register(Transient)
class TransientAdmin(ReadOnlyAdmin):
    list_display = ("opened_at", "closed_at", "host", "port", "protocol", "process_name", "pid")
    list_filter = ("protocol", "host")
    search_fields = ("=port", "process_name")
    show_full_result_count = False


@admin.register(Coverage)
class CoverageAdmin(ReadOnlyAdmin):
    """The open stretch reaches further than its row says, so the columns are not shown raw."""

    list_display = ("host", "started_at", "until", "still_watched", "looks", "failures")
    list_filter = ("host",)
    list_select_related = ("host",)
    fields = (
        "host",
        "boot_id",
        "started_at",
        "until",
        "still_watched",
        "looks",
        "failures",
        "last_failure",
    )

    def still_watched(self, coverage):
        return "yes" if coverage.is_open else "no"
