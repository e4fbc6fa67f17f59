"""
Compare what is recorded with what was just seen, and say what happened. No queries.

The rows are changed in memory; `services.reconcile` writes what is returned here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from collector import succession
from collector.models import PortEvent, PortRuntime
from collector.sweep import Listener, Owner, OwnerState, Sweep, Verdict
from collector.timekeeping import patience

Type, Cause, State = PortEvent.Type, PortEvent.Cause, PortRuntime.State

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


@dataclass(slots=True)
class History:
    """
    What one sweep of a host adds: rows to write, and their events.

    Transitions count towards flapping only when the `cause` is that they were observed, and
    the time of the sweep is its own.
    """

    sweep: Sweep
    cause: Cause
    unsettled: str  # the cause that still holds for rows not seen since `since`, "" if none
    since: datetime | None
    is_settling: bool  # whether those rows may still return before they count as gone
    last_sweep_at: datetime | None  # when a port that is missing now was last seen
    heartbeat: bool  # whether ports that simply stayed are recorded as alive
    has_own_time: bool  # whether it is dated by its clock, not by the look before
    written: list[PortRuntime] = field(default_factory=list)
    events: list[PortEvent] = field(default_factory=list)
    is_pending: bool = False  # whether an owner has still to be found at the next look

    def compare(self, rows: Iterable[PortRuntime], listeners: Iterable[Listener]) -> None:
        """Hold rows of the host against the listeners of the same keys; see the verdicts."""
        known = {row.key: row for row in rows}
        for listener in listeners:
            row = known.pop(listener.key, None)
            facts = _of_sockets(listener) | _of_owner(listener.owner)
            cause = self._cause_of(row)
            if self._may_lack_owner(row, facts):
                self._wait_for_owner(facts)
            if row is None:
                self._create(listener, facts, cause)
            elif row.is_active:
                self._stay(row, facts, cause)
            else:
                self._return(row, facts, cause)
        if self.sweep.verdict == Verdict.COMPLETE:
            for row in known.values():
                if row.is_active and not (self.is_settling and self._is_unsettled(row)):
                    self._disappear(row, self._cause_of(row))

    def count(self, event_type: str) -> int:
        return sum(event.event_type == event_type for event in self.events)

    def _may_lack_owner(self, row: PortRuntime | None, facts: dict) -> bool:
        """Whether this is the first look that finds no owner."""
        return (
            row is None
            or not row.is_active
            or row.owner_state == OwnerState.KNOWN
            or succession.is_other_socket(row, facts)
        )

    def _is_blind_to(self, row: PortRuntime, facts: dict) -> bool:
        """Whether the owner can't be read in a partial look, which takes nothing away."""
        return (
            self.sweep.verdict == Verdict.PARTIAL
            and row.owner_state == OwnerState.KNOWN != facts["owner_state"]
        )

    def _is_unsettled(self, row: PortRuntime | None) -> bool:
        """Whether nobody has seen a row since the break; a new one may be as old for a while."""
        if self.since is None:
            return True
        if row is None:
            return self.sweep.taken_at - self.since <= patience(self.sweep.interval)
        return row.last_seen_at < self.since

    def _cause_of(self, row: PortRuntime | None) -> str:
        """Say how what happens to a row came about: some looks leave rows unsettled."""
        if self.cause == Cause.OBSERVED and self.unsettled and self._is_unsettled(row):
            return self.unsettled
        return self.cause

    def _wait_for_owner(self, facts: dict) -> None:
        """Blame nobody yet for a socket without owner: it may be ending as we look (N32)."""
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
        self.written.append(row)
        self._record(row, Type.APPEARED, cause)

    def _return(self, row: PortRuntime, facts: dict, cause: str) -> None:
        """Bring a port back, and tell what is not as it was when it was seen last."""
        changes = _telling(row, facts) | (succession.news(row, facts) or {})
        changes.pop("sockets", None)  # that some came or went: here all of them did
        row.current_state = State.ACTIVE
        row.active_since = self.sweep.taken_at
        self._update(row, facts)
        self._record(row, Type.APPEARED, cause, changes)

    def _stay(self, row: PortRuntime, facts: dict, cause: str) -> None:
        """Carry an active port on: unchanged, changed, re-bound, or resumed by a reboot."""
        rebooted = cause == Cause.BOOT
        is_other_socket = succession.is_other_socket(row, facts)
        if self._is_blind_to(row, facts) and not is_other_socket:
            facts |= {name: getattr(row, name) for name in _of_owner(Owner(OwnerState.UNKNOWN))}
        news = succession.news(row, facts)
        telling = _telling(row, facts)
        changed = any(getattr(row, name) != value for name, value in facts.items())
        if rebooted or is_other_socket:
            row.active_since = self.sweep.taken_at
        if changed or cause != Cause.OBSERVED:
            self._update(row, facts)
        if news is not None and (not rebooted or "program" in news or "scope" in telling):
            self._record(row, Type.REBOUND, cause, telling | news)
        elif self.heartbeat and not rebooted:
            self._record(row, Type.ALIVE, Cause.OBSERVED)

    def _disappear(self, row: PortRuntime, cause: str) -> None:
        row.current_state = State.DISAPPEARED
        row.last_disappeared_at = self.sweep.taken_at
        if self.last_sweep_at:
            row.last_seen_at = max(row.last_seen_at, self.last_sweep_at)
        self.written.append(row)
        self._record(row, Type.DISAPPEARED, cause)

    def _update(self, row: PortRuntime, facts: dict) -> None:
        for name, value in facts.items():
            setattr(row, name, value)
        row.last_seen_at = max(row.last_seen_at, self.sweep.taken_at)
        self.written.append(row)

    def _record(
        self, row: PortRuntime, event_type: str, cause: str, changes: dict | None = None
    ) -> None:
        is_transition = event_type in {Type.APPEARED, Type.DISAPPEARED}
        if is_transition and cause == Cause.OBSERVED and self.has_own_time:
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


def _telling(row: PortRuntime, facts: dict) -> dict[str, list]:
    """Return what is told of the columns that are about to change, [old, new] each."""
    pairs = {name: [getattr(row, name), facts[name]] for name in TELLING}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _of_sockets(listener: Listener) -> dict:
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


def _of_owner(owner: Owner) -> dict:
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
