"""How a reservation is written through the API, and why it is not."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse
from rest_framework import exceptions

from portatlas.api.preconditions import etag, fits
from portatlas.api.problems import Problem
from portatlas.api.reservation_serializers import TERMS
from portatlas.api.rules import Rule
from portatlas.contexts.reservations import lock, services
from portatlas.contexts.reservations.models import Reservation
from portatlas.contexts.reservations.services import Actor, Key, RefusedError, TakenError
from portatlas.contexts.reservations.values import named
from portatlas.models import KEY
from portatlas.moment import iso
from portatlas.reserving.ground import HeldError
from portatlas.reserving.here import ground

ANY = "*"  # of If-Match: whatever is there, read or not
MOST_TOLD = 100  # reservations that are in the way
# What the description can't say of a field, and reserving finds out.
RULES = {"pid": Rule.PROCESS, "expires_at": Rule.OVER}


@contextmanager
def refusing(otherwise: str) -> Iterator[None]:
    """Tell as a problem why a port can't be reserved; `otherwise` is what it is called, if else."""
    try:
        yield
    except TakenError as exc:
        first, *_others = told = [_in_the_way(each) for each in exc.taken[:MOST_TOLD]]
        headers = {"Location": address(tuple(first[name] for name in KEY))}
        raise Problem("taken", str(exc), headers=headers, taken_by=told) from exc
    except HeldError as exc:
        raise Problem("held", str(exc)) from exc
    except RefusedError as exc:
        raise Problem(otherwise, str(exc)) from exc
    except ValidationError as exc:
        errors = {
            name: [exceptions.ErrorDetail(text, RULES.get(name, "invalid")) for text in texts]
            for name, texts in exc.message_dict.items()
        }
        raise exceptions.ValidationError(errors) from exc


class Writing:
    """One reservation, locked as it was found, so that it is written on what a request has read."""

    def __init__(self, key: Key, headers, *, by: Actor, at: datetime):
        self.key, self.by, self.at = key, by, at
        self._has_read = headers.get("If-Match", ANY).strip() != ANY
        self._fits = fits(headers)

    @transaction.atomic
    def make(self, said: dict[str, Any]) -> Reservation:
        """Reserve the port, which nobody has reserved yet, not even the same project."""
        if found := self._found():
            message = f"{found.project} has reserved {named(self.key)} already."
            raise TakenError(message, [found])
        return self._reserve(said)

    @transaction.atomic
    def put(self, said: dict[str, Any]) -> tuple[Reservation, bool]:
        """
        Let the reservation say this and nothing else; return it, and whether it is a new one.

        That of another project is changed only if it was read before, as If-Match says.
        """
        found = self._found()
        if found is None or not (found.project == said["project"] or self._has_read):
            return self._reserve(said, even_if_held=found is not None), True
        said.pop("even_if_held", None)
        usual = Reservation()
        return self._renew({name: getattr(usual, name) for name in TERMS} | said), False

    @transaction.atomic
    def patch(self, said: dict[str, Any]) -> Reservation:
        """Change what is said, and renew the reservation."""
        self._raise_unless_there()
        return self._renew(said)

    @transaction.atomic
    def release(self) -> None:
        self._raise_unless_there()
        services.release(self.key, by=self.by, at=self.at)

    def _reserve(self, said: dict[str, Any], *, even_if_held: bool = False) -> Reservation:
        even_if_held = said.pop("even_if_held", False) or even_if_held
        wanted = Reservation(**dict(zip(KEY, self.key, strict=True)), **said)
        return ground().reserve(wanted, by=self.by, at=self.at, even_if_held=even_if_held)

    def _renew(self, said: dict[str, Any]) -> Reservation:
        return ground().renew(self.key, said, by=self.by, at=self.at)

    def _raise_unless_there(self) -> None:
        if self._found() is None:
            raise exceptions.NotFound(services.not_reserved(self.key, self.at))

    def _found(self) -> Reservation | None:
        """Return what is there, that nobody else writes from now on. Raises if it does not fit."""
        lock.take()
        found = Reservation.objects.filter(**dict(zip(KEY, self.key, strict=True))).first()
        if found and found.has_run_out(self.at):
            found = None
        if not self._fits(services.revision(found) if found else ""):
            message = (
                f"The reservation of {named(self.key)} is another by now."
                if found
                else f"{named(self.key)} is not reserved (any more)."
            )
            headers = {"ETag": etag(services.revision(found))} if found else {}
            raise Problem("changed", message, headers=headers)
        return found


def address(key: Key) -> str:
    return reverse("api-reservation", args=key)


def _in_the_way(found: Reservation) -> dict[str, Any]:
    return {
        **{name: getattr(found, name) for name in (*KEY, "project", "requested_by")},
        "reserved_at": iso(found.reserved_at),
        "expires_at": iso(found.expires_at),
    }
