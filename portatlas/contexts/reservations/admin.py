"""
The admin of reservations, their history and the allocation rules: written through the services.

What needs facts is laid over it where they are known.
"""

from datetime import datetime, timedelta

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from portatlas.contexts.reservations import allocation, batch, services
from portatlas.contexts.reservations.batch import Done
from portatlas.contexts.reservations.forms import ReleaseForm, ReservationForm
from portatlas.contexts.reservations.models import AllocationRule, Reservation, ReservationEvent
from portatlas.contexts.reservations.services import Actor
from portatlas.contexts.reservations.values import named

LIST = "admin:reservations_reservation_changelist"
LINES = "admin:reservations_reservationevent_changelist"
REFUSALS = (services.RefusedError, services.NotReservedError, ValidationError)
WHILE = timedelta(days=30)
SHOWN = 20  # ports that are named
NONE_CHOSEN = "No port was chosen: tick some first."
TOO_MANY = f"At most {services.MOST:,} at once: choose fewer, or filter the list first."
NO_EFFECT = "No other rule gives these ports away, and all that is reserved is as it says."


def ports(count: int) -> str:
    return f"{count:,} port{'' if count == 1 else 's'}"


@admin.register(Reservation)
class ReservationAdmin(admin.ModelAdmin):
    form = ReservationForm
    list_display = ("port", "protocol", "host_id", "project", "expires_at", "requested_by")
    list_filter = ("protocol", "project", "host_id")
    search_fields = ("=port", "host_id", "project", "description", "requested_by", "tags")
    search_help_text = "Port, host, project, description, tag, or who reserved it."
    actions = ("release", "renew_for_a_while")
    readonly_fields = ("requested_by", "reserved_at", "renewed_at")
    show_full_result_count = False
    KEY = ("host_id", "protocol", "port")
    fieldsets = (
        (None, {"fields": (KEY, "project", "description", "tags", "seen")}),
        ("How long", {"fields": ("expires_at", "auto_release", "pid")}),
        (
            "For whom",
            {
                "fields": ("process_name", "user", "unit", "container_name"),
                "description": "Whoever else holds the port violates the reservation, and is "
                "suspicious. What is left empty may be anything.",
            },
        ),
        ("For programs", {"fields": ("metadata",)}),
    )
    made = ("Made", {"fields": ("requested_by", "reserved_at", "renewed_at")})

    def get_fieldsets(self, request, obj=None):
        return (*self.fieldsets, self.made) if obj else self.fieldsets

    def get_readonly_fields(self, request, obj=None):
        """Another port is another reservation."""
        return (*self.readonly_fields, *self.KEY) if obj else self.readonly_fields

    def get_form(self, request, obj=None, change=False, **kwargs):
        form = super().get_form(request, obj, change, **kwargs)
        form.refused = getattr(request, "refused", None)
        return form

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        """Show the form again when the reservation was refused, with what was typed."""
        ask = super().changeform_view
        try:
            return ask(request, object_id, form_url, extra_context)
        except REFUSALS as exc:
            request.refused = exc
            return ask(request, object_id, form_url, extra_context)

    def save_model(self, request, reservation, form, change):
        by, at = Actor.of(request.user), timezone.now()
        if change:
            changed = set(form.changed_data).intersection(services.TERMS)
            said = {name: form.cleaned_data[name] for name in changed}
            self.renew(reservation.key, said, by=by, at=at, seen=form.cleaned_data["seen"])
            return
        kept = self.reserve(reservation, form, by=by, at=at)
        if kept is not reservation:
            reservation.pk = kept.pk
            had = f"{kept.project} had reserved {named(kept.key)} already: it was renewed."
            self.message_user(request, had, messages.WARNING)

    def reserve(
        self, wanted: Reservation, form: ReservationForm, *, by: Actor, at: datetime
    ) -> Reservation:
        return services.reserve(wanted, by=by, at=at)

    def renew(self, key, said, *, by: Actor, at: datetime, seen: str) -> Reservation:
        return services.renew(key, said, by=by, at=at, seen=seen)

    def history_view(self, request, object_id, extra_context=None):
        """Lead to the history of the port, which also tells of reservations before this one."""
        reservation = self.get_object(request, object_id)
        if reservation is None:
            raise Http404("There is no such reservation.")
        return redirect(history_address(reservation))

    def get_urls(self):
        release = self.admin_site.admin_view(require_POST(self.release_view))
        name = "reservations_reservation_release"
        return [path("release/", release, name=name), *super().get_urls()]

    def get_actions(self, request):
        """Leave out Django's own deletion, which would tell no history."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    @admin.action(description="Renew for 30 days", permissions=["change"])
    def renew_for_a_while(self, request, queryset):
        chosen = self._chosen(request, queryset)
        if chosen:
            now = timezone.now()
            read = {services.revision(each) for each in chosen}
            by = Actor.of(request.user)
            done = batch.renew(read, until=now + WHILE, by=by, at=now)
            self._tell(request, done, "renewed")

    @admin.action(description="Release…", permissions=["delete"])
    def release(self, request, queryset):
        chosen = self._chosen(request, queryset)
        return chosen and self._ask(request, chosen, ReleaseForm())

    def delete_view(self, request, object_id, extra_context=None):
        """Ask whether to release one port, on the page that asks it of many."""
        reservation = self.get_object(request, object_id)
        if reservation is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not self.has_delete_permission(request, reservation):
            raise PermissionDenied
        return self._ask(request, [reservation], ReleaseForm())

    def release_view(self, request: HttpRequest) -> HttpResponse:
        """Release the ports that are named, as they were read."""
        if not self.has_delete_permission(request):
            raise PermissionDenied
        read = {each for each in request.POST.getlist("read") if batch.is_revision(each)}
        if not read or len(read) > services.MOST:
            self.message_user(request, TOO_MANY if read else NONE_CHOSEN, messages.ERROR)
            return HttpResponseRedirect(reverse(LIST))
        form = ReleaseForm(request.POST)
        if not form.is_valid():
            rows = self.get_queryset(request).filter(pk__in=map(batch.key, read))
            return self._ask(request, list(rows), form)
        by, why = Actor.of(request.user), form.cleaned_data["why"]
        done = batch.release(read, by=by, at=timezone.now(), why=why)
        if done.written:
            self.log_deletions(request, done.written)
        self._tell(request, done, "released")
        return HttpResponseRedirect(reverse(LIST))

    def _chosen(self, request, queryset) -> list[Reservation]:
        chosen = list(queryset[: services.MOST + 1])
        if len(chosen) > services.MOST:
            self.message_user(request, TOO_MANY, messages.ERROR)
            return []
        return chosen

    def _ask(self, request, chosen: list[Reservation], form: ReleaseForm) -> HttpResponse:
        context = self.admin_site.each_context(request) | {
            "title": f"Release {ports(len(chosen))}",
            "opts": self.opts,
            "form": form,
            "lines": chosen[:SHOWN],
            "unnamed": len(chosen) - len(chosen[:SHOWN]),
            "read": [services.revision(each) for each in chosen],
            "list": reverse(LIST),
        }
        return TemplateResponse(request, "admin/reservations/reservation/release.html", context)

    def _tell(self, request, done: Done, verb: str) -> None:
        if done.written:
            were = "was" if len(done.written) == 1 else "were"
            self.message_user(request, f"{ports(len(done.written))} {were} {verb}.")
        if done.changed:
            names = ", ".join(named(each.key) for each in done.changed[:SHOWN])
            more = f" and {len(done.changed) - SHOWN} more" if done.changed[SHOWN:] else ""
            left = f"Left alone: {names}{more}. Somebody else changed that meanwhile."
            self.message_user(request, left, messages.ERROR)
        if done.gone:
            gone = f"{ports(done.gone)} had been released before."
            self.message_user(request, gone, messages.WARNING)


@admin.register(ReservationEvent)
class ReservationEventAdmin(admin.ModelAdmin):
    """History is written by what happens, and by nobody here."""

    list_display = ("at", "port", "protocol", "host_id", "action", "project", "performed_by")
    list_filter = ("action", "protocol")
    search_fields = ("=port", "host_id", "project", "performed_by")
    search_help_text = "Port, host, project, or who did it."
    date_hierarchy = "at"
    show_full_result_count = False

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False


@admin.register(AllocationRule)
class AllocationRuleAdmin(admin.ModelAdmin):
    list_display = ("ports", "owner", "host_id", "protocol", "reason")
    list_select_related = ("team",)
    search_fields = ("project", "team__name", "reason", "host_id")
    readonly_fields = ("effect",)
    fieldsets = (
        (
            None,
            {
                "fields": (("first", "last"), "project", "team"),
                "description": "Whoever a rule names gets ports in its range and nowhere else, "
                "and nobody else gets one there. An example: 8000 to 8099 for project shop-*. "
                "Then shop-web may reserve 8080, but not 9000; blog may reserve 9000, but not "
                "8080. Of several rules for the same project each range is its own.",
            },
        ),
        ("Where it holds", {"fields": ("host_id", "protocol")}),
        ("Why", {"fields": ("reason",)}),
    )

    def get_fieldsets(self, request, obj=None):
        now = (("Now", {"fields": ("effect",)}),) if obj else ()
        return (*self.fieldsets, *now)

    def save_model(self, request, rule, form, change):
        super().save_model(request, rule, form, change)
        for sentence in effects(rule):
            self.message_user(request, sentence, messages.WARNING)

    @admin.display(description="ports", ordering="first")
    def ports(self, rule):
        return f"{rule.first}-{rule.last}"

    @admin.display(description="for")
    def owner(self, rule):
        return rule.project or f"the team {rule.team}"

    @admin.display(description="what it means")
    def effect(self, rule):
        return " ".join(effects(rule)) or NO_EFFECT


def effects(rule: AllocationRule) -> list[str]:
    """Say what a rule that is saved means beside the others, and for what is reserved already."""
    told = []
    overlaps = list(allocation.overlapping(rule)[: SHOWN + 1])
    if overlaps:
        names = ", ".join(map(str, overlaps[:SHOWN])) + (" and more" if overlaps[SHOWN:] else "")
        told.append(f"It overlaps with {names}: where they do, each of them gets ports.")
    if count := allocation.refused_by(rule):
        told.append(
            f"{ports(count)} reserved now would be refused by it. What is reserved stays, until "
            "it is released."
        )
    return told


def history_address(reservation: Reservation) -> str:
    """Return the address of the history of a port."""
    query = dict(zip(("host_id", "protocol", "port"), reservation.key, strict=True))
    return reverse(LINES, query={f"{name}__exact": value for name, value in query.items()})
