"""What a hub has to tell of made-up machines, and what it tells."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from collector.models import Coverage, PortEvent, PortRuntime
from collector.timekeeping import patience
from tests.benchmarks.fleet import Machine

COMES_AND_GOES = ("appeared", "disappeared", "rebound")


@dataclass
class Account:
    """The history of a host, and how it ended."""

    events: Counter[tuple] = field(default_factory=Counter)  # (port, what, when, cause)
    stretches: list[tuple[datetime, datetime, int]] = field(default_factory=list)  # and sweeps
    active: frozenset[int] = frozenset()


def told(machine: Machine, taken: Collection[datetime]) -> Account:
    """Return what follows from those sweeps of a machine that were taken at these times."""
    account, last = Account(), None
    began, sweeps = None, 0
    for at in sorted(taken):
        cause = "observed"
        if last is None or at - last > patience(machine.interval):
            cause = "gap" if last else "first_sweep"
            if last:
                account.stretches.append((began, last, sweeps))
            began, sweeps = at, 0
        seen = machine.seen[at]
        account.events.update((port, "appeared", at, cause) for port in seen - account.active)
        account.events.update((port, "disappeared", at, cause) for port in account.active - seen)
        account.active, last, sweeps = seen, at, sweeps + 1
    account.stretches.append((began, last, sweeps))
    return account


def recorded(host_id: str) -> Account:
    """Return what the database holds of a host."""
    events = PortEvent.objects.filter(
        port_runtime__host=host_id, event_type__in=COMES_AND_GOES
    ).values_list("port_runtime__port", "event_type", "timestamp", "cause")
    coverage = Coverage.objects.filter(host=host_id).select_related("host").order_by("started_at")
    ports = PortRuntime.objects.filter(host=host_id, current_state="active")
    return Account(
        Counter(events),
        [(each.started_at, each.until, each.looks) for each in coverage],
        frozenset(ports.values_list("port", flat=True)),
    )


def differences(expected: Account, found: Account) -> Counter[str]:
    """Count what is lost and what is false in what was found."""
    lost, false = expected.events - found.events, found.events - expected.events
    kinds = Counter(
        "doubled events" if event in expected.events else f"falsely {event[1]}"
        for event in false.elements()
    )
    kinds["lost events"] = lost.total()
    kinds["lost sweeps"] = _sweeps(expected) - _sweeps(found)
    kinds["wrong coverage"] = expected.stretches != found.stretches
    kinds["wrong ports at the end"] = len(expected.active ^ found.active)
    return Counter({kind: count for kind, count in kinds.items() if count})


def _sweeps(account: Account) -> int:
    return sum(sweeps for _, _, sweeps in account.stretches)
