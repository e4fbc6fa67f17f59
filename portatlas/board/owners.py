"""A port's owner in words: what its card is called, who holds it, and what is wrong with that."""

from collector.sweep import Family, OwnerState, Role
from portatlas.models import Port

NOT_SEEN = {
    OwnerState.KERNEL: "the kernel itself listens",
    OwnerState.NOT_PERMITTED: "the collector may not see who holds it",
    OwnerState.OUTSIDE_VIEW: "held in another PID namespace, where the collector can't see",
    OwnerState.PENDING: "who holds it is looked up at the next look",
    OwnerState.UNKNOWN: "all processes could be seen, and none has it",
}
FAMILIES = {
    Family.V4: "IPv4",
    Family.V6: "IPv6",
    Family.DUAL: "IPv4 and IPv6",
    Family.UNKNOWN: "not told",
}


def hint(port: Port) -> str:
    """Say what usually has this number. It is a hint of the machine's list, and no owner."""
    return f"usually {port.well_known}" if port.well_known else ""


def title(port: Port) -> str:
    """Call a port by what people call it, else by who holds it."""
    return (port.note.title if port.note else "") or holder(port)


def holder(port: Port) -> str:
    """Name who is behind a port, else say what usually has its number."""
    if container := port.compose_service or port.container_name:
        return container
    if port.owner_state == OwnerState.KERNEL:
        return f"kernel: {port.process_name}" if port.process_name else "kernel"
    return port.process_name or hint(port) or "no process to be seen"


def holding(port: Port) -> str:
    """Say how its owner holds a port, or why no owner is shown; "" for a plain server."""
    if not port.is_active or port.is_awaited:
        return ""
    if port.owner_state != OwnerState.KNOWN:
        return NOT_SEEN[port.owner_state]
    match port.role:
        case Role.SOCKET_UNIT:
            return f"systemd waits for {port.unit or port.socket_unit or 'its first client'}"
        case Role.PROXY:
            behind = port.container_name or port.container[:12] or "a container"
            return f"{port.process_name} holds it for {behind}"
        case Role.TUNNEL:
            return "an SSH forward"
    return ""


def faults(port: Port) -> list[str]:
    """Say what is wrong with an active port whatever its note says, each as a sentence."""
    found: list[str] = []
    if not port.is_active or port.is_awaited:
        return found
    if port.exe_is_deleted:
        found.append("Its program file was replaced or removed since it started: restart it.")
    if port.is_split and len(port.programs) > 1:
        found.append(f"Its addresses belong to different programs: {', '.join(port.programs)}.")
    elif port.is_split:
        found.append("Its addresses belong to different processes: one has IPv4, one has IPv6.")
    if port.is_crowded:
        found.append(
            f"Accept queue {port.backlog} of {port.backlog_limit}: "
            "it is slow to take its connections."
        )
    return found
