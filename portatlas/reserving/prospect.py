"""Whether a project may reserve a port, as every door tells it."""

from datetime import datetime
from typing import Any, NamedTuple, Self

from django.core.exceptions import ValidationError

from portatlas.contexts.reservations import services
from portatlas.contexts.reservations.models import Reservation
from portatlas.contexts.reservations.services import Actor, Key
from portatlas.reserving import booking_rows, occupants
from portatlas.reserving.ground import Check, Ground


class Prospect(NamedTuple):
    """
    What speaks against it, "" for no project in particular.

    `refusal` says which rule is against it. `nearest` is a free port instead, where anything is
    against this one, be it but that it would not be given to who asks for any.
    """

    found: Check
    project: str
    refusal: str
    nearest: int | None = None

    @classmethod
    def of(cls, ground: Ground, key: Key, project: str, *, by: Actor, at: datetime) -> Self:
        """Ask what speaks against it. Raises ValidationError for what is no project's name."""
        if project:
            _raise_unless_a_name(project)
        prospect = cls(ground.check(key, at), project, services.refusal(key, project, by=by))
        if prospect.is_own or (prospect.is_free and not prospect.found.obstacles):
            return prospect
        return prospect._replace(nearest=ground.nearest(key, by=by, project=project))

    @property
    def is_own(self) -> bool:
        """Whether the project has the port already, and may renew it whatever is there."""
        booking = self.found.booking
        return bool(booking and (booking.key, booking.project) == (self.found.key, self.project))

    @property
    def is_free(self) -> bool:
        """Whether this very port may be reserved."""
        return self.is_own or (self.found.is_free and not self.refusal)

    def as_json(self) -> dict[str, Any]:
        booking, port = self.found.booking, self.found.port
        return {
            **dict(zip(booking_rows.KEY, self.found.key, strict=True)),
            "is_free": self.is_free,
            "status": self.found.status.value,
            "reservation": booking and booking_rows.as_json(booking),
            "listener": port and occupants.as_json(port),
            "refusal": self.refusal,
            "obstacles": list(self.found.obstacles),
            "nearest": self.nearest,
        }


def _raise_unless_a_name(project: str) -> None:
    try:
        Reservation._meta.get_field("project").run_validators(project)
    except ValidationError as exc:
        raise ValidationError({"project": exc.messages}) from exc
