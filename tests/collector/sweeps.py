"""Made-up sweeps of a host called atlas, a tick apart, and what became of them."""

from datetime import timedelta

from collector.models import PortEvent
from collector.sweep import (
    Endpoint,
    Listener,
    Owner,
    OwnerState,
    Protocol,
    Scope,
    Sweep,
    Verdict,
)
from tests.conftest import NOON

TICK = timedelta(seconds=15)


def listener(port, *, protocol="tcp", cookie=None, pid=100, name="nginx", **endpoint):
    defaults = {
        "address": "0.0.0.0",  # what ss prints
        "device": "",
        "scope": Scope.ANY,
        "backlog": 0,
        "limit": 128,
        "cookie": cookie or f"c{port}",
        "inode": 1000 + port,
    }
    owner = Owner(OwnerState.KNOWN, (pid,), name, f"{name} -g daemon", f"/usr/sbin/{name}", "root")
    return Listener(Protocol(protocol), port, (Endpoint(**defaults | endpoint),), owner)


def sweep(*listeners, ticks=0, **fields):
    """Return a sweep; with its `uptime` given, the clock says when the machine booted."""
    told = {
        "host_id": "atlas",
        "machine_id": "m1",
        "boot_id": "b1",
        "taken_at": NOON + ticks * TICK,
        "verdict": Verdict.COMPLETE,
        "interval": 15,
    } | fields
    if "uptime" in told:
        told["booted_at"] = told["taken_at"] - timedelta(seconds=told["uptime"])
    return Sweep(listeners=tuple(listeners), **told)


def events():
    rows = PortEvent.objects.order_by("pk").values_list("port_runtime__port", "event_type", "cause")
    return list(rows)
