"""Reservations as tests make them, and what their history tells."""

from datetime import timedelta

from portatlas.contexts.reservations.models import Reservation, ReservationEvent
from portatlas.contexts.reservations.services import Actor, reserve
from tests.conftest import NOON

DAY = timedelta(days=1)


def reserved(port=80, *, host_id="atlas", protocol="tcp", at=NOON - DAY, **terms):
    """Reserve a port for `shop`, a day before noon."""
    terms = {"project": "shop"} | terms
    wanted = Reservation(host_id=host_id, protocol=protocol, port=port, **terms)
    return reserve(wanted, by=Actor("ann"), at=at)


def told(port=80):
    """Return the history of a port, the oldest line first: what happened, and where."""
    lines = ReservationEvent.objects.filter(port=port).order_by("pk")
    return [(line.action, line.seen_on) for line in lines]


def holds(port=80):
    """Whether a port is reserved."""
    return Reservation.objects.filter(port=port).exists()
