from rest_framework.authentication import BasicAuthentication
from rest_framework.exceptions import AuthenticationFailed


class Basic(BasicAuthentication):
    """User name and password; what no user name can be is refused before the database sees it."""

    def authenticate_credentials(self, userid, password, request=None):
        if "\x00" in userid + password:
            raise AuthenticationFailed("A user name has no NUL.")
        return super().authenticate_credentials(userid, password, request)
