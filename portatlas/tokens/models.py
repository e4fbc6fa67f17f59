"""Tokens: by which a program speaks to the API in the name of a user."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import models
from knox.models import AbstractAuthToken

from portatlas.tokens.scopes import Scope, allows


def validate_scopes(scopes: object) -> None:
    """Raise ValidationError unless `scopes` is a list of different scopes, with one at least."""
    if not isinstance(scopes, list) or not scopes:
        raise ValidationError("A token needs a scope: " + ", ".join(Scope) + ".")
    for scope in scopes:
        if scope not in set(Scope):
            raise ValidationError(f"{str(scope)[:50]!r} is no scope: take {', '.join(Scope)}.")
    if len(set(scopes)) < len(scopes):
        raise ValidationError("Each scope is said once.")


class Token(AbstractAuthToken):
    """
    What a program shows instead of a password; only its digest is kept.

    It may do what its scopes hold and its user may as well. A revoked or expired token stays in
    the list, so that who used it remains known.
    """

    name = models.CharField(max_length=60, help_text="What uses it, and where.")
    scopes = models.JSONField(default=list, validators=[validate_scopes])
    host_id = models.CharField(
        "host", max_length=64, blank=True, help_text="The only host whose sweeps it may bring."
    )
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-created"]

    def __str__(self) -> str:
        return f"{self.name} ({self.token_key}…)"

    def allows(self, needed: Scope) -> bool:
        return allows(self.scopes, needed)

    def is_live(self, at: datetime) -> bool:
        """Whether it still opens anything at that time."""
        return self.revoked_at is None and (self.expiry is None or self.expiry > at)
