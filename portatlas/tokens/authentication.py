"""`Authorization: Bearer …`: who a token speaks for."""

import re
from collections.abc import Callable

from django.utils import timezone
from knox.auth import TokenAuthentication
from knox.crypto import hash_token
from rest_framework.authentication import get_authorization_header
from rest_framework.exceptions import AuthenticationFailed

from portatlas.tokens import services
from portatlas.tokens.models import Token

REFUSED = (
    "This token is unknown, expired or revoked: make another in the admin, for the agent of a host "
    "on its page below Hosts, else under API tokens."
)
SHAPE = re.compile(r"atlas_[0-9a-f]{64}")


def is_shaped(text: str) -> bool:
    """Whether something looks like one of our tokens; nothing else is worth a query."""
    return SHAPE.fullmatch(text) is not None


def read(secret: str, of: str | None = None) -> Token:
    """
    Return the live token of an active user that a secret opens, and note that it was used.

    With `of` it must be the token of the user of that name.

    One query by the digest, whose time tells nothing about the secret; at most once a minute an
    UPDATE. Raises AuthenticationFailed.
    """
    now = timezone.now()
    found = is_shaped(secret) and (
        Token.objects.select_related("user").filter(digest=hash_token(secret)).order_by().first()
    )
    if not found or not found.is_live(now) or not found.user.is_active:
        raise AuthenticationFailed(REFUSED)
    if of not in {None, found.user.get_username()}:
        raise AuthenticationFailed("This token is of another user: send his name with it.")
    services.use(found, at=now)
    return found


class Bearer(TokenAuthentication):
    """
    Knox's tokens, read in one query by their digest.

    Unlike Knox it deletes none that has expired, and takes whatever bytes a client sends. How a
    secret opens a token may be told; that raises AuthenticationFailed if it opens none.
    """

    def __init__(self, opened: Callable[[str], Token] = read):
        self._opened = opened

    def authenticate(self, request):
        scheme, _space, secret = get_authorization_header(request).strip().partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        token = self._opened(secret.strip().decode("ascii", errors="replace"))
        return token.user, token

    def authenticate_header(self, request):
        return 'Bearer realm="Port Atlas"'
