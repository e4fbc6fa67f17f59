"""
Have a port of this machine given up: who holds it now, why it may not be, and what came of it.

The kernel is asked anew for it. What is known of the port may be as old as the last look.
"""

import os
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from shlex import quote

from collector import process
from collector.ancestry import Ancestry
from collector.look import Watch
from collector.sweep import Listener, Owner, OwnerState, Role, Sweep, Verdict
from portatlas.contexts.reservations import history
from portatlas.contexts.reservations.models import Reservation, ReservationEvent
from portatlas.contexts.reservations.services import Actor, RefusedError
from portatlas.contexts.reservations.values import named
from portatlas.reserving.ending import Fate

# The processes of `up`, and those of an installation that runs them by itself.
OURS = re.compile(
    r"\bportatlas\.(wsgi|background)\b|\bportatlas/supervisor\.py\b|\bmanage\.py (up|watch)\b"
)
UNSEEN = {
    OwnerState.KERNEL: "The kernel itself holds {}: it is no process that could be ended.",
    OwnerState.NOT_PERMITTED: "Who holds {} can't be seen: run this as root; where that is root, "
    "the kernel's security policy or a container's limits forbid it.",
    OwnerState.OUTSIDE_VIEW: "Who holds {} can't be seen from here: it runs outside of this "
    "container. Run this on the machine itself.",
}
UNKNOWN = "No process was found that holds {}."
INIT = 1


def look(host_id: str, *, at: datetime, timeout: float) -> Sweep:
    """Return what this machine listens on now, within `timeout` seconds. Raises RefusedError."""
    found = Watch().look(host_id, at=at, timeout=timeout)
    if found.verdict is Verdict.FAILED:
        raise RefusedError(f"What listens here can't be read: {found.reason}")
    return found


def refusal(here: str, found: Listener) -> str:
    """Say why whoever holds a port is not to be ended, "" if there is no reason."""
    name, owner = named((here, *found.key)), found.owner
    if owner.state is not OwnerState.KNOWN:
        return UNSEEN.get(owner.state, UNKNOWN).format(name)
    if owner.role is Role.PROXY:
        container = owner.container_name or owner.container
        how = f": docker stop {quote(container)}" if container else ""
        return f"{owner.process_name} holds {name} for a container, which is what to stop{how}."
    if owner.socket_unit or INIT in owner.pids:
        unit = owner.socket_unit or owner.unit
        how = f"systemctl stop {quote(unit)}" if unit else "ask it to give up the port"
        return f"The service manager itself holds {name}: {how}."
    if OURS.search(owner.cmdline):
        return f"Port Atlas itself holds {name}: end it where it runs."
    if not _own_pids().isdisjoint(owner.pids):
        return f"{owner.process_name} holds {name}, and has started this command: it would end too."
    return ""


def forbidden(owner: Owner) -> str:
    """Say that we may not end a process."""
    return (
        f"{owner.process_name} (PID {owner.pids[0]}) belongs to {owner.user or 'somebody else'}: "
        "run this as that user, or as root."
    )


def advice(owner: Owner) -> str:
    """Say what would be better than to end a process that is likely to be started again."""
    if owner.container:
        of = owner.container_name or owner.container
        better = f"docker stop {quote(of)}"
        return f"It runs in the container {of}, and may be started again; better is: {better}"
    if owner.unit and not owner.unit.startswith("user@"):
        better = f"systemctl stop {quote(owner.unit)}"
        return f"It belongs to {owner.unit}, and may be started again; better is: {better}"
    return ""


def holders_of(found: Listener) -> Callable[[int], bool]:
    """Return what tells of a PID whether that process holds one of these very sockets now."""
    inodes = {each.inode for each in found.endpoints} - {0}

    def holds(pid: int) -> bool:
        try:
            return not inodes.isdisjoint(process.sockets(pid))
        except PermissionError:
            return False

    return holds


def project(here: str, found: Listener) -> str:
    """Return whose port it is by its reservation, "" if nobody's."""
    reserved = Reservation.objects.about((here, *found.key))
    return reserved.values_list("project", flat=True).first() or ""


def record(
    about: Reservation, found: Listener, fates: Mapping[int, Fate], *, by: Actor, at: datetime
) -> None:
    """Tell the history of a port what was done; `about` says which, and of which project if any."""
    line = history.line(
        ReservationEvent.Action.KILLED,
        about,
        at=at,
        by=by.name,
        seen_on=about.host_id,
        pid=found.owner.pids[0],
        program=found.owner.process_name,
        user=found.owner.user,
        fates={str(pid): fate for pid, fate in fates.items() if fate != Fate.LEFT},
    )
    history.write([line])


def _own_pids() -> set[int]:
    """Return this process and those from which it descends."""
    own = process.read(os.getpid())
    return {os.getpid(), *(each.pid for each in (Ancestry().of(own) if own else ()))}
