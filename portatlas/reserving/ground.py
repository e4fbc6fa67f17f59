"""
Reserve ports in the light of what is known of a machine: facts, notes, and the machine itself.

The context of reservations knows none of these; here they are asked for it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError

from collector import machine, well_known
from collector.models import PortRuntime
from collector.sweep import Protocol
from notes.models import EVERY_HOST, PortNote
from portatlas.bookings import Status
from portatlas.contexts.reservations import lease, services
from portatlas.contexts.reservations.models import Reservation
from portatlas.contexts.reservations.querysets import Place, numbers
from portatlas.contexts.reservations.services import Actor, Key, RefusedError, Request
from portatlas.models import Booking, Port
from portatlas.reserving import binding

EVERY_PORT = range(1, 65536)


class HeldError(RefusedError):
    """The port is in use. It can be reserved nevertheless, if that is said."""


class Wanted(NamedTuple):
    """What one asks for who wants free ports: how many, from where, and which."""

    project: str
    count: int = 1
    within: range | None = None
    near: int | None = None
    adjacent: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """How a port stands: who has reserved it, who holds it, and what else speaks against it."""

    key: Key
    booking: Booking | None
    port: Port | None  # what listens on it
    obstacles: tuple[str, ...]  # why it would not be given to who asks for any

    @property
    def status(self) -> Status:
        if self.booking:
            return self.booking.status
        return Status.IN_USE if self.port else Status.FREE

    @property
    def is_free(self) -> bool:
        return self.status == Status.FREE and BOUND not in self.obstacles


@dataclass(frozen=True, slots=True)
class Ground:
    """The machine on which ports are wanted: `here` is the name of this one."""

    here: str
    usual: range

    def request(
        self, place: Place, wanted: Wanted, terms: Mapping[str, Any], *, by: Actor, at: datetime
    ) -> list[Reservation]:
        """
        Find free ports and reserve them, all or none.

        Raises RefusedError with a sentence that says why not, ValidationError.
        """
        if not 1 <= wanted.count <= services.MOST:
            raise ValidationError({"count": f"1 to {services.MOST:,} ports are given at once."})
        leased = self._leased(place.host_id, terms)
        return services.request(self._asked(place, wanted, leased), by=by, at=at)

    def nearest(self, key: Key, *, by: Actor, project: str = "") -> int | None:
        """Return the free port that is nearest to one, of those for a project, or for anybody."""
        host_id, protocol, port = key
        asked = self._asked(Place(host_id, protocol), Wanted(project, near=port), {})
        try:
            return services.find(asked, by=by)[0]
        except RefusedError:
            return None

    def reserve(
        self, wanted: Reservation, *, by: Actor, at: datetime, even_if_held: bool = False
    ) -> Reservation:
        """
        Reserve a port that nobody holds; with `even_if_held`, whoever does.

        What the project has reserved already is renewed, in use or not. Raises HeldError,
        TakenError and RefusedError, each with a sentence; ValidationError.
        """
        for name, value in self._leased(wanted.host_id, {"pid": wanted.pid}).items():
            setattr(wanted, name, value)
        if not even_if_held:
            self._raise_if_held(wanted, at)
        return services.reserve(wanted, by=by, at=at)

    def renew(
        self, key: Key, said: Mapping[str, Any], *, by: Actor, at: datetime, seen: str | None = None
    ) -> Reservation:
        """Say a reservation anew, as `services.renew` does."""
        return services.renew(key, self._leased(key[0], said), by=by, at=at, seen=seen)

    def check(self, key: Key, at: datetime) -> Check:
        """Return how a port stands, in four statements."""
        host_id, protocol, number = key
        place = Place(host_id, protocol)
        bookings = Booking.objects.about(key).with_status(at)
        booking = next((each for each in bookings if not each.has_run_out(at)), None)
        listening = Port.objects.for_board(at).filter(
            protocol=protocol, port=number, current_state="active"
        )
        if host_id != EVERY_HOST:
            listening = listening.filter(host=host_id)
        occupied = self.occupied(place, range(number, number + 1))
        obstacles = [reason for reason, ports in occupied.items() if number in ports]
        port = listening.first()
        if not port and self._is_bound(place, number):
            obstacles.append(BOUND)
        return Check(key, booking, port, tuple(obstacles))

    def occupied(self, place: Place, within: range) -> dict[str, Collection[int]]:
        """
        Return the ports that nobody is given, by the reason, in two queries.

        Of those that the kernel or /etc/services takes there are more than those of the range.
        """
        listening = PortRuntime.objects.filter(current_state="active", protocol=place.protocol)
        noted = PortNote.objects.filter(protocol=place.protocol)
        if place.host_id != EVERY_HOST:
            listening = listening.filter(host=place.host_id)
            noted = noted.filter(host_id__in=[place.host_id, EVERY_HOST])
        clients, floor = self._kernels(place)
        return {
            LISTENING: numbers(listening, within),
            NOTED: numbers(noted, within),
            CLIENTS: clients,
            PRIVILEGED: range(1, floor),
            NAMED: well_known.ports(Protocol(place.protocol)),
        }

    def _asked(self, place: Place, wanted: Wanted, terms: Mapping[str, Any]) -> Request:
        return Request(
            place=place,
            usual=self.usual,
            terms=terms,
            avoid=lambda within: self.occupied(place, within),
            is_usable=lambda port: not self._is_bound(place, port),
            **wanted._asdict(),
        )

    def _leased(self, host_id: str, terms: Mapping[str, Any]) -> dict[str, Any]:
        """Return terms that also say which process leases, if any. Raises ValidationError."""
        pid = terms.get("pid")
        if not pid:
            return dict(terms) | (lease.NO_PROCESS if "pid" in terms else {})
        if host_id != self.here:
            why = f"A lease by PID is for a process of this machine, which is {self.here}."
            raise ValidationError({"pid": why})
        try:
            return dict(terms) | lease.identity(pid)
        except lease.NoProcessError as exc:
            raise ValidationError({"pid": str(exc)}) from exc

    def _kernels(self, place: Place) -> tuple[Collection[int], int]:
        """Return the ports that are lent to clients, and the first that needs no privileges."""
        if place.host_id != self.here:
            return machine.EPHEMERAL, machine.UNPRIVILEGED
        clients, reserved = machine.ephemeral_ports(), machine.reserved_ports()
        left = frozenset(clients) - reserved if reserved else clients
        return left, machine.unprivileged_from()

    def _is_bound(self, place: Place, port: int) -> bool:
        """Whether a program of this machine has bound the port, be it that it does not listen."""
        return place.host_id in {self.here, EVERY_HOST} and binding.is_taken(place.protocol, port)

    def _raise_if_held(self, wanted: Reservation, at: datetime) -> None:
        wanted.clean_fields(exclude=["reserved_at", "project"])
        found = self.check(wanted.key, at)
        if found.booking:  # its own is renewed; of another it is told whose it is, which says more
            return
        if found.port:
            by = found.port.process_name or "a program that can't be seen"
            pid = f" (PID {found.port.current_pid})" if found.port.current_pid else ""
            where = services.named((found.port.host_id, *wanted.key[1:]))
            raise HeldError(f"{where} is held by {by}{pid}.")
        if BOUND in found.obstacles:
            raise HeldError(f"{services.named(wanted.key)} is {BOUND}.")


LISTENING = "in use"
NOTED = "noted"
CLIENTS = "lent to clients by the kernel"
PRIVILEGED = "for privileged programs"
NAMED = "named in /etc/services"
BOUND = "bound by a program, or until a minute ago"
