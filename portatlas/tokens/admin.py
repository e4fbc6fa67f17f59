"""Tokens in the admin: each is shown once, when it is made, and then only revoked."""

import logging

from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html

from portatlas.tokens import lifetime, services
from portatlas.tokens.forms import TokenForm
from portatlas.tokens.models import Token, TokenState

logger = logging.getLogger(__name__)

LIST = "admin:tokens_token_changelist"
OF_ALL = "tokens.manage_tokens"
FOR_OTHERS = (OF_ALL, "auth.change_user")  # who may change a user could log in as him anyway


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request, model_admin):
        return TokenState.choices

    def queryset(self, request, queryset):
        known = self.value() in TokenState.values
        return queryset.in_state(self.value(), timezone.now()) if known else queryset


@admin.register(Token)
class TokenAdmin(admin.ModelAdmin):
    """One's own tokens, or those of all for whom that is permitted."""

    form = TokenForm
    list_display = (
        "name",
        "user",
        "may",
        "host_id",
        "made",
        "ends",
        "used",
        "stands",
        "revoke_link",
    )
    list_filter = (StateFilter,)
    list_select_related = ("user",)
    search_fields = ("name", "user__username", "host_id")
    fields = ("user", "name", "scopes", "host_id", "lives")
    shown = ("name", "user", "begins", "may", "host_id", "made", "ends", "used", "stands")
    show_full_result_count = False

    def get_queryset(self, request):
        tokens = super().get_queryset(request)
        return tokens if request.user.has_perm(OF_ALL) else tokens.filter(user=request.user)

    def lookup_allowed(self, lookup, value, request):
        """Let no address of the list ask how a digest begins."""
        is_of_digest = lookup.partition("__")[0] == "digest"
        return not is_of_digest and super().lookup_allowed(lookup, value, request)

    def has_change_permission(self, request, obj=None):
        """Answer no: whoever holds a token would get more, or less, without being told."""
        return False

    def get_fields(self, request, obj=None):
        return self.shown if obj else self.fields

    def get_readonly_fields(self, request, obj=None):
        return self.shown if obj else ()

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        if db_field.name == "user":
            users = get_user_model().objects.filter(is_active=True)
            may_choose = request.user.has_perms(FOR_OTHERS)
            kwargs["queryset"] = users if may_choose else users.filter(pk=request.user.pk)
            kwargs["initial"] = request.user.pk
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_urls(self):
        revoke = self.admin_site.admin_view(self.revoke)
        return [path("<int:pk>/revoke/", revoke, name="tokens_token_revoke"), *super().get_urls()]

    def add_view(self, request, form_url="", extra_context=None):
        extra = {"show_save_and_add_another": False, "show_save_and_continue": False}
        try:
            return super().add_view(request, form_url, extra | (extra_context or {}))
        except ValidationError as exc:  # something changed since the form was found to be right
            self.message_user(request, " ".join(exc.messages), messages.ERROR)
            return redirect(LIST)

    def save_model(self, request, obj, form, change):
        now = timezone.now()
        obj.expiry = lifetime.expiry(form.cleaned_data["lives"], now)
        obj.secret = services.issue(obj, at=now)
        may = ", ".join(obj.scopes)
        logger.info("Token %s of %s made by %s: %s.", obj, obj.user, request.user, may)

    def response_add(self, request, obj, post_url_continue=None):
        """Show the secret on this very page: it is nowhere else, and never again."""
        return self._page(request, "made", obj, title="Here is your token")

    def revoke(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask, and close a token for good when the answer is yes."""
        token = self.get_object(request, str(pk))
        if token is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, str(pk))
        if not self.has_view_permission(request, token):
            raise PermissionDenied
        if request.method != "POST":
            return self._page(request, "revoke", token, title="Revoke this token?")
        if services.revoke(token, at=timezone.now()):
            logger.info("Token %s of %s revoked by %s.", token, token.user, request.user)
            self.log_change(request, token, "Revoked.")
            self.message_user(request, f"{token} is revoked.", messages.SUCCESS)
        else:
            self.message_user(request, f"{token} was revoked before.", messages.WARNING)
        return redirect(LIST)

    def _page(self, request, name: str, token: Token, *, title: str) -> HttpResponse:
        context = self.admin_site.each_context(request) | {
            "title": title,
            "opts": self.opts,
            "token": token,
            "list": reverse(LIST),
            "api": request.build_absolute_uri("/api/v1/ports/"),
        }
        return TemplateResponse(request, f"admin/tokens/token/{name}.html", context)

    @admin.display(description="begins with")
    def begins(self, token):
        return f"{token.token_key}…"

    @admin.display(description="scopes")
    def may(self, token):
        return ", ".join(token.scopes)

    @admin.display(description="created (UTC)", ordering="created")
    def made(self, token):
        return moment(token.created)

    @admin.display(description="expires (UTC)", ordering=F("expiry").asc(nulls_last=True))
    def ends(self, token):
        return moment(token.expiry)

    @admin.display(description="last used (UTC)", ordering=F("last_used_at").asc(nulls_first=True))
    def used(self, token):
        return moment(token.last_used_at)

    @admin.display(description="state")
    def stands(self, token):
        return token.state(timezone.now()).label

    @admin.display(description="end")
    def revoke_link(self, token):
        if token.revoked_at:
            return ""
        address = reverse("admin:tokens_token_revoke", args=[token.pk])
        return format_html('<a href="{}">Revoke…</a>', address)


def moment(time) -> str:
    """Say a time to the second, in UTC."""
    return f"{time:%F %T}" if time else "never"
