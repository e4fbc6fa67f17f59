"""`Authorization: Bearer …`: who a token speaks for."""

from django.utils import timezone
from knox.auth import TokenAuthentication
from knox.crypto import hash_token
from rest_framework.exceptions import AuthenticationFailed

from portatlas.tokens.models import Token

REFUSED = "This token is unknown, expired or revoked."


class Bearer(TokenAuthentication):
    """
    Knox's tokens, read in one query by their digest.

    Unlike Knox it deletes none that has expired, and takes whatever bytes a client sends.
    """

    def authenticate_credentials(self, token: bytes):
        try:
            digest = hash_token(token.decode("ascii"))
        except UnicodeDecodeError as exc:
            raise AuthenticationFailed(REFUSED) from exc
        found = Token.objects.select_related("user").filter(digest=digest).first()
        if found is None or not found.is_live(timezone.now()):
            raise AuthenticationFailed(REFUSED)
        return self.validate_user(found)
