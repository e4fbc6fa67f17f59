"""What listens on ports that are reserved, whoever may."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.db.models import Exists, OuterRef

from collector.models import PortRuntime
from portatlas.contexts.reservations.models import HOLDER, Reservation
from portatlas.contexts.reservations.services import Key
from portatlas.contexts.reservations.values import EVERY_HOST
from portatlas.moment import iso

TOLD = ("host_id", "current_pid", *HOLDER, "active_since")


def of(reservations: Iterable[Reservation]) -> dict[Key, list[PortRuntime]]:
    """Return what listens on each of these ports, of every host's on any, in one statement."""
    wanted = {each.key for each in reservations}
    reserved = Reservation.objects.order_by().filter(
        host_id__in=[OuterRef("host_id"), EVERY_HOST],
        protocol=OuterRef("protocol"),
        port=OuterRef("port"),
    )
    found: dict[Key, list[PortRuntime]] = defaultdict(list)
    listening = PortRuntime.objects.filter(Exists(reserved), current_state="active")
    for port in listening.order_by("host_id").only("protocol", "port", *TOLD):
        own = port.host_id, port.protocol, port.port
        found[own if own in wanted else (EVERY_HOST, *own[1:])].append(port)
    return found


def as_json(port: PortRuntime) -> dict[str, Any]:
    """Return who holds a port, and on which host."""
    return {
        "host_id": port.host_id,
        "pid": port.current_pid,
        **{name: getattr(port, name) for name in HOLDER},
        "active_since": iso(port.active_since),
    }
