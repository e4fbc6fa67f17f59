"""What became of deliveries, to be read."""

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from collector.admin import ReadOnlyAdmin
from portatlas.notifications.models import Delivery

SHOWN = 3  # of the ports that a delivery is about


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """The log. What became of a message is nobody's to change."""

    list_display = (
        "when",
        "subject",
        "about",
        "of_rule",
        "channel_name",
        "status",
        "attempts",
        "outcome",
    )
    list_filter = ("status", "is_test", "rule", "channel")
    search_fields = ("subject", "rule_name", "channel_name")
    date_hierarchy = "created_at"
    show_full_result_count = False
    fields = (
        "subject",
        "about",
        "of_rule",
        "channel_name",
        "status",
        "attempts",
        "last_error",
        "remarks",
        "body",
        "key",
        "is_test",
        "created_at",
        "ready_at",
        "ended_at",
    )

    @admin.display(description="about")
    def about(self, delivery):
        """Lead to the first ports and hosts that it names."""
        items = delivery.document.get("items", [])
        more = delivery.document.get("total", 0) - len(items[:SHOWN])
        links = format_html_join(", ", '<a href="{}">{}</a>', map(page, items[:SHOWN]))
        return format_html("{} and {} more", links, more) if links and more > 0 else links

    @admin.display(description="rule", ordering="rule_name")
    def of_rule(self, delivery):
        if delivery.rule_id is None:
            return delivery.rule_name
        address = reverse("admin:notifications_rule_change", args=[delivery.rule_id])
        return format_html('<a href="{}">{}</a>', address, delivery.rule_name)

    @admin.display(description="outcome")
    def outcome(self, delivery):
        return f"{delivery.remarks}{delivery.last_error}"

    @admin.display(description="when (UTC)", ordering="created_at")
    def when(self, delivery):
        return f"{delivery.created_at:%F %T}"


def page(item: dict) -> tuple[str, str]:
    """Return the address and the name of what a message names."""
    if "port" in item:
        key = [item["host"], item["protocol"], item["port"]]
        return reverse("port", args=key), item["name"]
    return reverse("host", args=[item["host"]]), item["name"]
