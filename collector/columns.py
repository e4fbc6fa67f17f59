"""A listener as the columns of its row, and which of them are told when they change. No queries."""

from collector.models import PortRuntime
from collector.sweep import Listener, Owner

TELLING = (
    "process_name",
    "cmdline",
    "exe",
    "user",
    "unit",
    "container",
    "container_name",
    "image",
    "current_pid",
    "owner_state",
    "scope",
)


def telling(row: PortRuntime, facts: dict) -> dict[str, list]:
    """Return what is told of the columns that are about to change, [old, new] each."""
    pairs = {name: [getattr(row, name), facts[name]] for name in TELLING}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def of_sockets(listener: Listener) -> dict:
    """Return what a listener is as columns of its row."""
    fullest = max(listener.endpoints, key=lambda end: end.backlog / (end.limit or 1))
    return {
        "endpoints": [end._asdict() for end in listener.endpoints],
        "scope": listener.scope,
        "backlog": fullest.backlog,
        "backlog_limit": fullest.limit,
        "is_client": listener.is_client,
        "well_known": listener.well_known,
    }


def of_owner(owner: Owner) -> dict:
    """Return who owns a listener as columns of its row."""
    return {
        "owner_state": owner.state,
        "current_pid": owner.pids[0] if owner.pids else None,
        "pids": list(owner.pids),
        "process_name": owner.process_name,
        "process_started_at": owner.started_at,
        "cmdline": owner.cmdline,
        "exe": owner.exe,
        "exe_is_deleted": owner.exe_is_deleted,
        "user": owner.user,
        "role": owner.role,
        "unit": owner.unit,
        "socket_unit": owner.socket_unit,
        "container": owner.container,
        "container_name": owner.container_name,
        "image": owner.image,
        "compose_service": owner.compose_service,
        "ancestors": [each._asdict() for each in owner.ancestors],
    }
