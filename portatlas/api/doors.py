"""What addresses have in common at which something is read and written, by whoever may."""

from typing import Any

from rest_framework import generics

from portatlas.api import note_operations
from portatlas.api.asking import Asked
from portatlas.tokens.models import Token
from portatlas.tokens.scopes import Scope


class Door(Asked, generics.GenericAPIView):
    """
    Which permissions each method takes, and whether who writes may read what became of it.

    `writes_by` has the permissions of each method that writes.
    """

    schema = note_operations.WithBody()
    reads: list[str]
    reads_as = Scope.READ
    writes_by: dict[str, list[str]]

    @property
    def writes(self) -> list[str]:
        return self.writes_by[self.request.method]

    @property
    def token(self) -> Token | None:
        """The token that was shown, None for a user himself."""
        return self.request.auth if isinstance(self.request.auth, Token) else None

    def may_read(self) -> bool:
        if self.token and not self.token.allows(self.reads_as):
            return False
        return self.request.user.has_perms(self.reads)

    def values(self, data: dict, *, partial: bool = False) -> dict[str, Any]:
        serializer = self.get_serializer(data=data, partial=partial)
        serializer.is_valid(raise_exception=True)
        return serializer.validated_data
