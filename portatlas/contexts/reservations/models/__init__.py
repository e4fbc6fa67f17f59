"""Who may take which port: the reservations that hold, their history, and the rules for both."""

from portatlas.contexts.reservations.models.event import ReservationEvent
from portatlas.contexts.reservations.models.port import Protocol
from portatlas.contexts.reservations.models.reservation import HOLDER, LONGEST, Reservation
from portatlas.contexts.reservations.models.rule import AllocationRule

__all__ = ["HOLDER", "LONGEST", "AllocationRule", "Protocol", "Reservation", "ReservationEvent"]
