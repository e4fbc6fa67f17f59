"""Which token a host brings its sweeps by: made, and put in the place of the one before."""

from datetime import datetime
from hashlib import blake2b

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F

from collector import handover, retirement
from collector.models import Host
from portatlas.tokens import services
from portatlas.tokens.models import Token, TokenQuerySet
from portatlas.tokens.scopes import Scope

# Who enrols a host sees and revokes whatever token it has, whoever made that.
MAY_ENROL = ("collector.add_host", "tokens.add_token", "tokens.manage_tokens")
LONGEST = 60  # characters of a token's name


def tokens_of(host_id: str) -> TokenQuerySet:
    """Return the tokens that bring the sweeps of one host alone, the newest first."""
    return Token.objects.filter(host_id=host_id).order_by("-created", "-pk")


def live_token(host_id: str) -> Token | None:
    """Return the token that a host was given last, unless it was revoked."""
    return tokens_of(host_id).filter(revoked_at=None).first()


def last_token(host_id: str) -> Token | None:
    """Return the token by which a host is to report: a live one, else the one it had last."""
    live_first = F("revoked_at").desc(nulls_first=True)
    return tokens_of(host_id).select_related("user").order_by(live_first, "-created", "-pk").first()


def enrol(user, host_id: str, *, at: datetime, is_other_machine: bool = False) -> Token:
    """
    Make a token for a host, revoke those that it has, and return the new one with its `secret`.

    `is_other_machine` says that another machine than before is to have the name. Raises
    ValidationError, by field; nothing is written then.
    """
    with transaction.atomic():
        _revoke_all(host_id, at)
        token, token.secret = services.make(
            user,
            name=name(host_id),
            scopes=[Scope.WRITE_SWEEPS],
            at=at,
            host_id=host_id,
        )
        if is_other_machine:
            handover.hand_over(host_id)
    return token


@transaction.atomic
def retire(host: Host, *, at: datetime) -> None:
    """Revoke the tokens of a host, and note that nobody expects to hear of it again."""
    _revoke_all(host.host_id, at)
    retirement.retire(host, at=at)


def _revoke_all(host_id: str, at: datetime) -> None:
    for token in tokens_of(host_id).filter(revoked_at=None):
        services.revoke(token, at=at)


def name(host_id: str) -> str:
    """
    Return what the token of a host is called; long names differ at the end.

    >>> name("web-1"), len(name("w" * 64)), name("w" * 64) == name("w" * 63)
    ('Agent on web-1', 60, False)
    """
    whole = f"Agent on {host_id}"
    if len(whole) <= LONGEST:
        return whole
    end = blake2b(host_id.encode(), digest_size=4).hexdigest()
    return f"{whole[: LONGEST - len(end) - 1]}…{end}"


def raise_unless_new(host_id: str, *, local: str) -> None:
    """
    Raise ValidationError for a host that sends its sweeps already, or is seen in another way.

    `local` is the host at which this installation looks itself, "" if it looks at none.
    """
    if host_id == local:
        raise ValidationError("This machine is looked at already: by Port Atlas itself.")
    if Host.objects.filter(pk=host_id, source="file").exists():
        raise ValidationError(
            "This host is known by saved output, with which live looks can't share a name: "
            "take another one."
        )
    if live_token(host_id):
        raise ValidationError(
            "This host has a token already. On the page of its agent a new command is made, "
            "which revokes that.",
            code="enrolled",
        )
