"""Who may: the permissions of the admin, and the scopes of the token that was shown, if any."""

from rest_framework.permissions import SAFE_METHODS, BasePermission

from portatlas.models import SEE_PORTS
from portatlas.tokens.models import Token
from portatlas.tokens.scopes import Scope


class Allowed(BasePermission):
    """
    Asks the view what it takes, for reading and for writing.

    A view says `reads` and `writes`, lists of permissions, and the scopes `reads_as` and
    `writes_as` that they need of a token. Reading takes the scope `read` unless it says another.
    """

    message = "You have no permission to do this."

    def has_permission(self, request, view):
        if request.method not in view.allowed_methods:
            return bool(request.user and request.user.is_authenticated)  # to be told so
        is_read = request.method in SAFE_METHODS
        usual = Scope.READ if is_read else Scope.ADMIN
        needed = getattr(view, "reads_as" if is_read else "writes_as", usual)
        if isinstance(request.auth, Token) and not request.auth.allows(needed):
            self.message = f"This token lacks the scope {needed}."
            return False
        permissions = getattr(view, "reads", SEE_PORTS) if is_read else view.writes
        return bool(request.user and request.user.has_perms(permissions))
