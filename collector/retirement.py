"""Hosts of which nobody expects to hear again: their facts stay, and ask nobody to hurry."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from collector.models import Host


def retire(host: Host, *, at: datetime) -> None:
    """Note that a host is retired, by its clock and a time that is not before its last look."""
    host.retired_at = max(at + timedelta(seconds=host.clock_ahead), host.last_look_at)
    host.save(update_fields=["retired_at"])


def is_retired(host: Host) -> bool:
    """Whether a host is retired; one that was looked at since is not."""
    return host.retired_at is not None and host.last_look_at <= host.retired_at


def present(hosts: Iterable[Host]) -> list[Host]:
    """Return those of some hosts that are not retired."""
    return [host for host in hosts if not is_retired(host)]
