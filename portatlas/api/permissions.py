"""Who may: the permissions of the admin, and the scopes of the token that was shown, if any."""

from rest_framework.permissions import SAFE_METHODS, BasePermission

from portatlas.models import SEE_PORTS
from portatlas.tokens.models import Token
from portatlas.tokens.scopes import Scope


class Allowed(BasePermission):
    """
    Asks the view what it takes, for reading and for writing.

    A view says `reads` and `writes`, lists of permissions, and the scope that `writes_as` needs
    of a token. Reading takes the scope `read`.
    """

    message = "You have no permission to do this."

    def has_permission(self, request, view):
        if request.method not in view.allowed_methods:
            return bool(request.user and request.user.is_authenticated)  # to be told so
        is_read = request.method in SAFE_METHODS
        needed = Scope.READ if is_read else getattr(view, "writes_as", Scope.ADMIN)
        if isinstance(request.auth, Token) and not request.auth.allows(needed):
            self.message = f"This token lacks the scope {needed}."
            return False
        permissions = getattr(view, "reads", SEE_PORTS) if is_read else view.writes
        return bool(request.user and request.user.has_perms(permissions))
