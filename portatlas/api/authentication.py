from rest_framework.authentication import BasicAuthentication
from rest_framework.exceptions import APIException, AuthenticationFailed

from portatlas import lockout
from portatlas.api.throttling import refusals
from portatlas.tokens import authentication as tokens


class LockedOutError(APIException):
    """A user name was tried too often from an address, which has to wait."""

    status_code = 429

    def __init__(self, wait: int):
        super().__init__(
            "This user name was tried too often with a wrong password from your address. Wait "
            f"{wait // 60} minutes: each attempt before begins them anew. A token is let in."
        )
        self.wait = wait  # seconds, for Retry-After


class Basic(BasicAuthentication):
    """
    User name and password; what no user name can be is refused before the database sees it.

    A token of that user is as good as his password, for clients that can't send another header:
    it brings its scopes with it. Wrong passwords count towards the lock-out of django-axes; wrong
    tokens don't, for one that is out of date would lock out whoever still knows his password. While
    it lasts, a right password is answered as a wrong one is.
    """

    def authenticate_credentials(self, userid, password, request=None):
        if "\x00" in userid + password:
            raise AuthenticationFailed("A user name has no NUL.")
        if tokens.is_shaped(password):
            token = tokens.read(password, of=userid)
            return token.user, token
        try:
            return super().authenticate_credentials(userid, password, request)
        except AuthenticationFailed as exc:
            if lockout.is_on(request):
                refusals(request).count()
                raise LockedOutError(lockout.wait()) from exc
            raise
