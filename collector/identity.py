"""Which machine the name of a host belongs to, and what is kept of those that claimed it."""

from datetime import datetime

from collector.models import Host
from collector.sweep import Sweep


class SweepRefusedError(Exception):
    """The sweep is not of the host that it says it is; no fact was written."""


def raise_if_other(host: Host, sweep: Sweep) -> None:
    """Raise SweepRefusedError if a sweep is of another machine, or seen in another way."""
    told = {host.machine_id, sweep.machine_id} - {""}
    if len(told) > 1:
        raise SweepRefusedError(
            f"Host {sweep.host_id!r} is machine {host.machine_id}, but this look is at machine "
            f"{sweep.machine_id}. Give one of them a name of its own (PORTATLAS_HOST_ID)."
        )
    if "file" in {host.source, sweep.source} and host.source != sweep.source:
        raise SweepRefusedError(
            f"Host {sweep.host_id!r} is known by {host.source}, not by {sweep.source}: saved "
            "output and live looks can't share a name. Choose another host name."
        )
    if host.machine_id and not sweep.machine_id and sweep.source != "file":
        raise SweepRefusedError(
            f"Host {sweep.host_id!r} is machine {host.machine_id}, but this look doesn't tell at "
            "which machine it is: /etc/machine-id can't be read there."
        )


def refuse(host_id: str, at: datetime, reason: str) -> None:
    """Keep on the host, if it is known, that and why a look was refused."""
    Host.objects.filter(pk=host_id).update(refused_at=at, refused_reason=reason)
