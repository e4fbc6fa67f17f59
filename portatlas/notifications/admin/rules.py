"""Rules and channels are written here, each with a test."""

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import F
from django.forms import TimeInput
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST

from portatlas.models import SEE_PORTS
from portatlas.notifications import in_words, trial, watch
from portatlas.notifications.forms import ChannelForm, RuleForm
from portatlas.notifications.models import Channel, Rule
from portatlas.notifications.preview import preview
from portatlas.notifications.terms import terms


class Tried(admin.ModelAdmin):
    """What can be tried: a message goes out at once, and what came of it is told."""

    def get_urls(self):
        name = f"notifications_{self.opts.model_name}_try"
        view = self.admin_site.admin_view(self.try_it)
        return [path("<int:pk>/try/", view, name=name), *super().get_urls()]

    @method_decorator(require_POST)
    def try_it(self, request: HttpRequest, pk: int) -> HttpResponse:
        thing = get_object_or_404(self.model, pk=pk)
        if not self.has_change_permission(request, thing):
            raise PermissionDenied
        rule, channels = self.to_try(thing)
        ended = trial.attempt(
            rule, channels, clock=timezone.now, terms=terms(), site=settings.PORTATLAS_URL
        )
        for each in ended:
            if each.last_error:
                messages.error(request, f"{each.channel_name}: {each.last_error}")
            else:
                messages.success(request, f"{each.channel_name}: the test has arrived.")
        if not ended:
            messages.error(request, "There is no channel to send a test through.")
        return redirect(f"admin:notifications_{self.opts.model_name}_change", pk)


@admin.register(Channel)
class ChannelAdmin(Tried):
    form = ChannelForm
    list_display = ("name", "kind", "is_enabled", "has_secret")
    list_filter = ("kind", "is_enabled")
    search_fields = ("name",)
    fields = ("name", "kind", "is_enabled", "address", "secret", "forget", "priority", "tags")

    def to_try(self, channel):
        return None, [channel]

    @admin.display(boolean=True, description="secret")
    def has_secret(self, channel):
        return bool(channel.sealed)


@admin.register(Rule)
class RuleAdmin(Tried):
    form = RuleForm
    list_display = ("name", "kind", "conditions", "to", "is_enabled", "last_told")
    list_filter = ("kind", "is_enabled")
    search_fields = ("name",)
    formfield_overrides = {
        models.TimeField: {"widget": TimeInput({"type": "time"}, format="%H:%M")}
    }
    fieldsets = (
        (None, {"fields": ("name", "kind", "is_enabled", "channels")}),
        ("About which ports", {"fields": ("host_id", "tag", "scope")}),
        (
            "When",
            {
                "fields": (
                    "minutes",
                    "digest",
                    "quiet_from",
                    "quiet_until",
                    "time_zone",
                    "tells_recovery",
                )
            },
        ),
    )

    def get_urls(self):
        view = self.admin_site.admin_view(self.preview)
        return [
            path("<int:pk>/preview/", view, name="notifications_rule_preview"),
            *super().get_urls(),
        ]

    def get_queryset(self, request):
        return super().get_queryset(request).prefetch_related("channels")

    def to_try(self, rule):
        return rule, rule.channels.filter(is_enabled=True)

    def save_model(self, request, obj, form, change):
        """Leave alone how far a rule has come, unless it is about something else now."""
        if not change:
            obj.save()
            return
        obj.save(update_fields=set(form.changed_data) - {"channels"})
        if not set(form.changed_data).isdisjoint(Rule.NARROWING):
            watch.begin(obj, timezone.now())

    def get_deleted_objects(self, objs, request):
        """Name the rules alone: of one there may be ten thousand matters."""
        rules = [str(rule) for rule in objs]
        return rules, {self.opts.verbose_name_plural: len(rules)}, set(), []

    def preview(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show what the rule would tell now."""
        rule = get_object_or_404(Rule, pk=pk)
        if not self.has_view_permission(request, rule) or not request.user.has_perms(SEE_PORTS):
            raise PermissionDenied
        total, _of_ports, items = preview(rule, timezone.now())
        context = {
            **self.admin_site.each_context(request),
            "title": f"What “{rule}” would tell now",
            "opts": self.opts,
            "rule": rule,
            "total": total,
            "items": items,
            "more": total - len(items),
            "back": reverse("admin:notifications_rule_change", args=[pk]),
        }
        return TemplateResponse(request, "admin/notifications/rule/preview.html", context)

    @admin.display(description="when")
    def conditions(self, rule):
        return in_words.conditions(rule)

    @admin.display(description="channels")
    def to(self, rule):
        return in_words.channels(rule.channels.all()) or "none: everything waits for one"

    @admin.display(description="last told (UTC)", ordering=F("told_at").asc(nulls_first=True))
    def last_told(self, rule):
        return f"{rule.told_at:%F %T}" if rule.told_at else ""
