"""Tokens: by which a program speaks to the API in the name of a user."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from knox.models import AbstractAuthToken

from collector.sweep import HOST_ID
from portatlas.tokens.scopes import Scope, allows

NAME_TAKEN = "You have a token of this name that is not revoked: revoke it, or take another name."


def validate_name(name: str) -> None:
    """Raise ValidationError unless `name` is a line that can be shown: no NUL, no surrogate."""
    if not name.strip() or not name.isprintable():
        raise ValidationError("A name is one line of letters, digits, signs and spaces.")


def validate_scopes(scopes: object) -> None:
    """Raise ValidationError unless `scopes` is a list of different scopes, with one at least."""
    if not isinstance(scopes, list) or not scopes:
        raise ValidationError("A token needs a scope: " + ", ".join(Scope) + ".")
    for scope in scopes:
        if scope not in list(Scope):
            raise ValidationError(f"{str(scope)[:50]!r} is no scope: take {', '.join(Scope)}.")
    if len(set(scopes)) < len(scopes):
        raise ValidationError("Each scope is said once.")


class TokenState(models.TextChoices):
    LIVE = "live"
    EXPIRED = "expired"
    REVOKED = "revoked"


class TokenQuerySet(models.QuerySet):
    def in_state(self, state: TokenState, at: datetime):
        is_over = Q(expiry__lte=at)
        return self.filter(
            {
                TokenState.REVOKED: Q(revoked_at__isnull=False),
                TokenState.EXPIRED: Q(revoked_at__isnull=True) & is_over,
                TokenState.LIVE: Q(revoked_at__isnull=True) & (Q(expiry__isnull=True) | ~is_over),
            }[state]
        )


class Token(AbstractAuthToken):
    """
    What a program shows instead of a password; only its digest is kept.

    It may do what its scopes hold and its user may as well. A revoked or expired token stays in
    the list, so that who used it remains known; it goes with its user. It is known by a number:
    Knox would put the digest into the addresses of the admin.
    """

    id = models.BigAutoField(primary_key=True)
    digest = models.CharField(max_length=128, unique=True, editable=False)
    token_key = models.CharField("begins with", max_length=25, editable=False)
    created = models.DateTimeField(editable=False)
    expiry = models.DateTimeField("expires", null=True, blank=True)
    name = models.CharField(
        max_length=60, validators=[validate_name], help_text="What uses it, and where."
    )
    scopes = models.JSONField(default=list, validators=[validate_scopes])
    host_id = models.CharField(
        "host",
        max_length=64,
        blank=True,
        validators=[
            RegexValidator(rf"^{HOST_ID}\Z", "A host is named by letters, digits and ._:-")
        ],
        help_text="The only host whose sweeps it may bring. Empty: of every host.",
    )
    last_used_at = models.DateTimeField("last used", null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField("revoked", null=True, blank=True, editable=False)

    objects = TokenQuerySet.as_manager()

    class Meta:
        ordering = ["-created", "-id"]
        default_permissions = ("add", "view", "delete")
        permissions = [("manage_tokens", "Can see and revoke the tokens of all users")]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "name"],
                condition=Q(revoked_at__isnull=True),
                name="tokens_token_name_once",
                violation_error_message=NAME_TAKEN,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.token_key}…)"

    def clean(self) -> None:
        if self.host_id and not self.allows(Scope.WRITE_SWEEPS):
            raise ValidationError(
                {"host_id": f"A host limits {Scope.WRITE_SWEEPS} only: add it, or name no host."}
            )

    def allows(self, needed: Scope) -> bool:
        return allows(self.scopes, needed)

    def may_bring(self, host_id: str) -> bool:
        """Whether it may bring the sweeps of that host."""
        return self.allows(Scope.WRITE_SWEEPS) and self.host_id in {"", host_id}

    def state(self, at: datetime) -> TokenState:
        if self.revoked_at is not None:
            return TokenState.REVOKED
        is_over = self.expiry is not None and self.expiry <= at
        return TokenState.EXPIRED if is_over else TokenState.LIVE

    def is_live(self, at: datetime) -> bool:
        """Whether it still opens anything at that time."""
        return self.state(at) == TokenState.LIVE
