from rest_framework.authentication import BasicAuthentication
from rest_framework.exceptions import AuthenticationFailed

from portatlas.tokens import authentication as tokens


class Basic(BasicAuthentication):
    """
    User name and password; what no user name can be is refused before the database sees it.

    A token of that user is as good as his password, for clients that can't send another header:
    it brings its scopes with it. Wrong passwords count towards the lock-out of django-axes; wrong
    tokens don't, for one that is out of date would lock out whoever still knows his password.
    """

    def authenticate_credentials(self, userid, password, request=None):
        if "\x00" in userid + password:
            raise AuthenticationFailed("A user name has no NUL.")
        if tokens.is_shaped(password):
            token = tokens.read(password, of=userid)
            return token.user, token
        return super().authenticate_credentials(userid, password, request)
