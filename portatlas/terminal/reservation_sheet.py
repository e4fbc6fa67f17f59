"""Who may take a port as text: how its reservation stands, and what it says."""

from collections.abc import Iterator
from datetime import datetime

from rich.console import RenderableType

from portatlas.board.booked import Booked
from portatlas.contexts.reservations.values import EVERY_HOST
from portatlas.models import Port
from portatlas.terminal.layout import facts, section
from portatlas.terminal.screen import prose


def reservation(port: Port, now: datetime) -> Iterator[RenderableType]:
    """Yield how the reservation of a port stands; nothing if nobody has reserved it."""
    booked = Booked.of((port.host_id, port.protocol, port.port), port, now)
    if not booked.booking:
        return
    by = f"{booked.stand.label}: reserved by {booked.booking.project}"
    where = " on every host" if booked.booking.host_id == EVERY_HOST else ""
    said = facts((each.name.lower(), each.value) for each in booked.facts)
    yield from section(
        "Reservation", [prose(f"{by}{where}; {booked.stand.meaning}.", "bold"), said]
    )
