"""
Compare what is recorded with what was just seen, and say what happened. No queries.

The rows are changed in memory; `services.reconcile` writes what is returned here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from collector.models import PortEvent, PortRuntime
from collector.sweep import Endpoint, Listener, OwnerState, Sweep, Verdict

Type, Cause, State = PortEvent.Type, PortEvent.Cause, PortRuntime.State

TELLING = ("process_name", "cmdline", "exe", "user", "unit", "container", "current_pid", "scope")


@dataclass(slots=True)
class History:
    """
    What one sweep of a host adds: rows to create, rows to update, and the events of both.

    Transitions count towards flapping only when the `cause` is that they were observed.
    """

    sweep: Sweep
    cause: Cause
    unsettled: str  # the cause that still holds for rows not seen since `since`, "" if none
    since: datetime | None
    last_sweep_at: datetime | None  # when a port that is missing now was last seen
    heartbeat: bool  # whether ports that simply stayed are recorded as alive
    created: list[PortRuntime] = field(default_factory=list)
    updated: list[PortRuntime] = field(default_factory=list)
    events: list[PortEvent] = field(default_factory=list)
    is_pending: bool = False  # whether an owner has still to be found at the next look

    def compare(self, rows: Iterable[PortRuntime]) -> None:
        """Hold every recorded row of the host against the sweep; only a complete one removes."""
        known = {row.key: row for row in rows}
        for listener in self.sweep.listeners:
            row = known.pop(listener.key, None)
            facts = _facts(listener)
            cause = self._cause_of(row)
            if row is None or not row.is_active or _is_other_socket(row, facts):
                self._wait_for_owner(facts)
            if row is None:
                self._create(listener, facts, cause)
            elif row.is_active:
                self._stay(row, facts, cause)
            else:
                self._return(row, facts, cause)
        if self.sweep.verdict == Verdict.COMPLETE:
            for row in known.values():
                if row.is_active:
                    self._disappear(row, self._cause_of(row))

    def _cause_of(self, row: PortRuntime | None) -> str:
        """Say how what happens to a row came about: a partial look leaves some rows unsettled."""
        if self.cause == Cause.OBSERVED and self.unsettled:
            return self.unsettled if row is None or row.last_seen_at < self.since else self.cause
        return self.cause

    def count(self, event_type: str) -> int:
        return sum(event.event_type == event_type for event in self.events)

    def _wait_for_owner(self, facts: dict) -> None:
        """Blame nobody yet for a new socket without owner: it may end as we look (N32)."""
        if facts["owner_state"] == OwnerState.UNKNOWN:
            facts["owner_state"] = OwnerState.PENDING
            self.is_pending = True

    def _create(self, listener: Listener, facts: dict, cause: str) -> None:
        now = self.sweep.taken_at
        row = PortRuntime(
            host_id=self.sweep.host_id,
            protocol=listener.protocol,
            port=listener.port,
            first_seen_at=now,
            last_seen_at=now,
            active_since=now,
            **facts,
        )
        self.created.append(row)
        self._record(row, Type.APPEARED, cause)

    def _return(self, row: PortRuntime, facts: dict, cause: str) -> None:
        row.current_state = State.ACTIVE
        row.active_since = self.sweep.taken_at
        self._update(row, facts)
        self._record(row, Type.APPEARED, cause)

    def _stay(self, row: PortRuntime, facts: dict, cause: str) -> None:
        """Carry an active port on: unchanged, changed, re-bound, or resumed by a reboot."""
        rebooted = cause == Cause.BOOT
        is_other_socket = _is_other_socket(row, facts)
        rebound = not rebooted and (is_other_socket or _is_other_owner(row, facts))
        changed = {name for name, value in facts.items() if getattr(row, name) != value}
        changes = {name: [getattr(row, name), facts[name]] for name in TELLING if name in changed}
        if rebooted or is_other_socket:
            row.active_since = self.sweep.taken_at
        if rebooted or changed:
            self._update(row, facts)
        if rebound:
            self._record(row, Type.REBOUND, cause, changes)
        elif self.heartbeat:
            self._record(row, Type.ALIVE, Cause.OBSERVED)

    def _disappear(self, row: PortRuntime, cause: str) -> None:
        row.current_state = State.DISAPPEARED
        row.last_disappeared_at = self.sweep.taken_at
        if self.last_sweep_at:
            row.last_seen_at = max(row.last_seen_at, self.last_sweep_at)
        self.updated.append(row)
        self._record(row, Type.DISAPPEARED, cause)

    def _update(self, row: PortRuntime, facts: dict) -> None:
        for name, value in facts.items():
            setattr(row, name, value)
        row.last_seen_at = self.sweep.taken_at
        self.updated.append(row)

    def _record(
        self, row: PortRuntime, event_type: str, cause: str, changes: dict | None = None
    ) -> None:
        if cause == Cause.OBSERVED and event_type in {Type.APPEARED, Type.DISAPPEARED}:
            row.transition_4_at = row.transition_3_at
            row.transition_3_at = row.transition_2_at
            row.transition_2_at = row.transition_1_at
            row.transition_1_at = self.sweep.taken_at
        self.events.append(
            PortEvent(
                port_runtime=row,
                event_type=event_type,
                timestamp=self.sweep.taken_at,
                pid=row.current_pid,
                cause=cause,
                changes=changes or {},
            )
        )


def _is_other_socket(row: PortRuntime, facts: dict) -> bool:
    """Tell whether no socket of a port survived: its service was restarted between two looks."""
    before, now = (
        {Endpoint(**end).identity for end in ends} for ends in (row.endpoints, facts["endpoints"])
    )
    return all(before) and all(now) and before.isdisjoint(now)


def _is_other_owner(row: PortRuntime, facts: dict) -> bool:
    """Tell whether the socket was handed to another program; another PID of it is no news."""
    return row.owner_state == facts["owner_state"] == OwnerState.KNOWN and (
        (row.exe, row.process_name) != (facts["exe"], facts["process_name"])
    )


def _facts(listener: Listener) -> dict:
    """Return a listener as the columns of its row."""
    owner = listener.owner
    fullest = max(listener.endpoints, key=lambda end: end.backlog / (end.limit or 1))
    return {
        "endpoints": [end._asdict() for end in listener.endpoints],
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
        "exe_is_deleted": owner.exe_is_deleted,
        "process_started_at": owner.started_at,
        "user": owner.user,
        "role": owner.role,
        "unit": owner.unit,
        "socket_unit": owner.socket_unit,
        "container": owner.container,
        "container_name": owner.container_name,
        "image": owner.image,
        "compose_service": owner.compose_service,
        "well_known": listener.well_known,
    }
