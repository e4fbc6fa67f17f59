"""Runtime facts: what the kernel said, never what we think about it."""

from collector.models.coverage import Coverage
from collector.models.event import TRANSITION, PortEvent, PortEventQuerySet
from collector.models.host import Host, HostEvent
from collector.models.port import PortRuntime
from collector.models.transient import Transient

__all__ = [
    "TRANSITION",
    "Coverage",
    "Host",
    "HostEvent",
    "PortEvent",
    "PortEventQuerySet",
    "PortRuntime",
    "Transient",
]
