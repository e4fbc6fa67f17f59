"""
Compare what is recorded with what was just seen, and say what happened. No database.

The rows are changed in memory; `services.reconcile` writes what is returned here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from collector.models import PortEvent, PortRuntime
from collector.sweep import Listener, Sweep

Type, Cause, State = PortEvent.Type, PortEvent.Cause, PortRuntime.State

TELLING = ("process_name", "cmdline", "exe", "user", "unit", "container", "current_pid", "scope")


@dataclass(slots=True)
class History:
    """What one sweep adds: rows to create, rows to update, and the events of both."""

    created: list[PortRuntime] = field(default_factory=list)
    updated: list[PortRuntime] = field(default_factory=list)
    events: list[PortEvent] = field(default_factory=list)

    def count(self, event_type: str) -> int:
        return sum(event.event_type == event_type for event in self.events)


def compare(
    rows: Iterable[PortRuntime],
    sweep: Sweep,
    *,
    cause: Cause,
    complete: bool,
    last_sweep_at: datetime | None,
    alive: bool,
) -> History:
    """
    Return what happened between the recorded rows of a host and a sweep of it.

    Only a `complete` sweep makes what it does not list disappear; such a port was last seen
    at `last_sweep_at`. `alive` asks for a heartbeat of every port that simply stayed.
    Transitions count towards flapping only when the `cause` is that they were observed.
    """
    history = History()
    known = {row.key: row for row in rows}
    for listener in sweep.listeners:
        row = known.pop(listener.key, None)
        facts = _facts(listener)
        if row is None:
            row = PortRuntime(
                host_id=sweep.host_id,
                protocol=listener.protocol,
                port=listener.port,
                first_seen_at=sweep.taken_at,
                last_seen_at=sweep.taken_at,
                active_since=sweep.taken_at,
                **facts,
            )
            history.created.append(row)
            _record(history, row, Type.APPEARED, sweep, cause)
        elif not row.is_active:
            row.current_state = State.ACTIVE
            row.active_since = sweep.taken_at
            _update(history, row, facts, sweep.taken_at)
            _record(history, row, Type.APPEARED, sweep, cause)
        else:
            _stay(history, row, facts, sweep, cause=cause, alive=alive)
    if complete:
        for row in known.values():
            if row.is_active:
                _disappear(history, row, sweep, cause, last_sweep_at)
    return history


def _stay(history, row, facts, sweep, *, cause, alive) -> None:
    """Carry an active port on: unchanged, changed, re-bound, or resumed by a reboot."""
    rebooted = cause == Cause.BOOT
    rebound = not rebooted and _is_other_socket(row.endpoints, facts["endpoints"])
    changes = {name: [getattr(row, name), facts[name]] for name in TELLING}
    changes = {name: pair for name, pair in changes.items() if pair[0] != pair[1]}
    if rebooted or rebound:
        row.active_since = sweep.taken_at
    if rebooted or any(getattr(row, name) != value for name, value in facts.items()):
        _update(history, row, facts, sweep.taken_at)
    if rebound:
        _record(history, row, Type.REBOUND, sweep, cause, changes)
    elif alive:
        _record(history, row, Type.ALIVE, sweep, Cause.OBSERVED)


def _disappear(history, row, sweep, cause, last_sweep_at) -> None:
    row.current_state = State.DISAPPEARED
    row.last_disappeared_at = sweep.taken_at
    if last_sweep_at:
        row.last_seen_at = max(row.last_seen_at, last_sweep_at)
    history.updated.append(row)
    _record(history, row, Type.DISAPPEARED, sweep, cause)


def _update(history: History, row: PortRuntime, facts: dict, at: datetime) -> None:
    for name, value in facts.items():
        setattr(row, name, value)
    row.last_seen_at = at
    history.updated.append(row)


def _record(history, row, event_type, sweep, cause, changes=None) -> None:
    if cause == Cause.OBSERVED and event_type in {Type.APPEARED, Type.DISAPPEARED}:
        row.transition_4_at = row.transition_3_at
        row.transition_3_at = row.transition_2_at
        row.transition_2_at = row.transition_1_at
        row.transition_1_at = sweep.taken_at
    history.events.append(
        PortEvent(
            port_runtime=row,
            event_type=event_type,
            timestamp=sweep.taken_at,
            pid=row.current_pid,
            cause=cause,
            changes=changes or {},
        )
    )


def _is_other_socket(before: list[dict], now: list[dict]) -> bool:
    """Tell whether no socket of a port survived: its service was restarted between two looks."""
    was, is_ = ({end["cookie"] or end["inode"] for end in ends} for ends in (before, now))
    return all(was) and all(is_) and was.isdisjoint(is_)


def _facts(listener: Listener) -> dict:
    """Return a listener as the columns of its row."""
    owner = listener.owner
    fullest = max(listener.endpoints, key=lambda end: end.backlog / (end.limit or 1))
    return {
        "endpoints": [end.as_json() for end in listener.endpoints],
        "scope": listener.scope,
        "backlog": fullest.backlog,
        "backlog_limit": fullest.limit,
        "is_client": listener.is_client,
        "owner_state": owner.state,
        "current_pid": owner.pids[0] if owner.pids else None,
        "pids": list(owner.pids),
        "process_name": owner.process_name,
        "cmdline": owner.cmdline,
        "exe": owner.exe,
        "user": owner.user,
        "unit": owner.unit,
        "container": owner.container,
    }
