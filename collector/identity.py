"""Which machine the name of a host belongs to, and what is kept of those that claimed it."""

from datetime import datetime

from django.db.models import Min

from collector.models import Coverage, Host
from collector.sweep import Sweep


class SweepRefusedError(Exception):
    """The sweep is not of the host that it says it is; no fact was written."""


def raise_if_other(host: Host, sweep: Sweep) -> None:
    """Raise SweepRefusedError if a sweep is of another machine, or seen in another way."""
    told = {host.machine_id, sweep.machine_id} - {""}
    if len(told) > 1:
        raise SweepRefusedError(
            f"Host {sweep.host_id!r} is machine {host.machine_id}, but this look is at machine "
            f"{sweep.machine_id}. Give one of them a name of its own, or let this one take over "
            "the name: in the admin, on the page of its agent."
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
    if _is_over(host, sweep):
        raise SweepRefusedError(
            f"Two machines take turns as {sweep.host_id!r} and say that they are one: the one is a "
            "copy of the other, with its /etc/machine-id. Give the copy an id, a host name and a "
            "token of its own. If this is a machine that was set back to a snapshot, restart it."
        )


def _is_over(host: Host, sweep: Sweep) -> bool:
    """
    Whether the boot of a sweep had ended: one that began before it was seen again since then.

    One machine's boots follow each other. That an earlier one comes back once is taken for a
    snapshot; whoever has just been given the name is believed.
    """
    boots = {host.boot_id, sweep.boot_id} - {""}
    if len(boots) < 2 or not host.machine_id:
        return False
    stretches = Coverage.objects.filter(host=host, boot_id__in=boots).order_by()
    began = dict(stretches.values_list("boot_id").annotate(Min("started_at")))
    return len(began) == 2 and began[sweep.boot_id] > began[host.boot_id]


def refuse(host_id: str, at: datetime, reason: str) -> None:
    """Keep on the host, if it is known, that and why a look was refused."""
    Host.objects.filter(pk=host_id).update(refused_at=at, refused_reason=reason)
