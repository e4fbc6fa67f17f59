"""Write tokens: each is made, used and revoked here."""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import IntegrityError, InternalError, OperationalError, transaction
from django.db.models import Q
from knox.crypto import create_token_string, hash_token
from knox.settings import knox_settings

from portatlas.tokens.models import NAME_TAKEN, Token
from portatlas.tokens.scopes import Scope

logger = logging.getLogger(__name__)

KEY_LENGTH = 15  # of the characters that are kept in clear, so that one can tell tokens apart
USED_EVERY = timedelta(minutes=1)  # a use is written down; more often would cost writes


def make(  # noqa: PLR0913  # what a token is, in names
    user,
    *,
    name: str,
    scopes: Iterable[Scope | str],
    at: datetime,
    expiry: datetime | None = None,
    host_id: str = "",
) -> tuple[Token, str]:
    """
    Make a token for a user and return it with its secret, which nobody can tell again.

    Raises ValidationError, by field, if something about it is wrong; nothing is written then.
    """
    token = Token(
        user=user, name=name, scopes=list(map(str, scopes)), expiry=expiry, host_id=host_id
    )
    return token, issue(token, at=at)


def issue(token: Token, *, at: datetime) -> str:
    """Save a token that was filled in and return its secret. Raises as `make` does."""
    if not token.user.is_active:
        raise ValidationError({"user": "This user is not active: his tokens would open nothing."})
    if token.expiry is not None and token.expiry <= at:
        raise ValidationError({"expiry": "It would be over already: name a time to come."})
    secret = knox_settings.TOKEN_PREFIX + create_token_string()
    token.digest, token.token_key, token.created = hash_token(secret), secret[:KEY_LENGTH], at
    token.full_clean()
    try:
        with transaction.atomic():
            token.save(force_insert=True)
    except IntegrityError as exc:  # somebody else took the name a moment ago
        raise ValidationError({"name": NAME_TAKEN}) from exc
    return secret


def revoke(token: Token, *, at: datetime) -> bool:
    """Close a token for good. Returns False if it was revoked before: that time stays."""
    changed = Token.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=at)
    token.refresh_from_db(fields=["revoked_at"])
    return bool(changed)


def use(token: Token, *, at: datetime) -> None:
    """
    Remember that a token was used, in one UPDATE if that was not done within a minute.

    A database that is too busy, or may only be read, is no reason to refuse the token.
    """
    before = at - USED_EVERY
    if token.last_used_at is None or token.last_used_at <= before:
        is_due = Q(last_used_at=None) | Q(last_used_at__lte=before)
        try:
            with transaction.atomic():
                Token.objects.filter(is_due, pk=token.pk).update(last_used_at=at)
        except (OperationalError, InternalError) as exc:
            logger.warning("The use of token %s of %s was not noted: %s", token, token.user, exc)
        else:
            token.last_used_at = at
