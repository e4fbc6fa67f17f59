"""
Compare what is recorded with what was just seen, and say what happened. No queries.

The rows are changed in memory; `services.reconcile` writes what is returned here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from collector import succession
from collector.columns import of_owner, of_sockets, telling
from collector.decision import Action, decide
from collector.models import PortEvent, PortRuntime
from collector.sweep import Listener, Owner, OwnerState, Sweep, Verdict
from collector.timekeeping import patience

Key = tuple[str, int]

Type, Cause, State = PortEvent.Type, PortEvent.Cause, PortRuntime.State


@dataclass(slots=True)
class History:
    """
    What one sweep of a host adds: rows to write, and their events.

    Transitions count towards flapping only when the `cause` is that they were observed, and
    the time of the sweep is its own. Then the kernel's word dates what happened since the last
    complete sweep; where there is none, it is dated like the sweep.
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
    transients: set[Key] = field(default_factory=set)  # ports that came and went unseen
    is_pending: bool = False  # whether an owner has still to be found at the next look

    def compare(self, rows: Iterable[PortRuntime], listeners: Iterable[Listener]) -> None:
        """
        Hold rows of the host against the listeners of the same keys; see the verdicts.

        Both are given of whatever port the kernel told something of.
        """
        known = {row.key: row for row in rows}
        held = {listener.key: listener for listener in listeners}
        for key in {**held, **known, **self.sweep.news.by_key}:
            row, listener = known.get(key), held.get(key)
            action = self._action(key, row, listener)
            if listener:
                self._hold(action, row, listener)
            elif action is Action.DISAPPEAR:
                self._miss(row)
            elif action is Action.TRANSIENT:
                self.transients.add(key)

    def count(self, event_type: str) -> int:
        return sum(event.event_type == event_type for event in self.events)

    def _action(self, key: Key, row: PortRuntime | None, listener: Listener | None) -> Action:
        told = self.sweep.news.by_key.get(key, ())
        return decide(
            recorded=row is not None and row.is_active,
            opened=any(each.opened_at for each in told),
            closed=any(each.closed_at for each in told),
            held=listener is not None,
        )

    def _hold(self, action: Action, row: PortRuntime | None, listener: Listener) -> None:
        facts = of_sockets(listener) | of_owner(listener.owner)
        cause = self._cause_of(row)
        if self._may_lack_owner(row, facts):
            self._wait_for_owner(facts)
        if action is not Action.INSERT:
            # Whether it is another socket is told by what is held, not by what was opened.
            self._stay(row, facts, cause)
        elif row is None:
            self._create(listener, facts, cause)
        else:
            self._return(row, facts, cause)

    def _miss(self, row: PortRuntime) -> None:
        """Take a port that nobody holds for gone, if a look may say so."""
        is_awaited = self.is_settling and self._is_unsettled(row)
        if self.sweep.verdict == Verdict.COMPLETE and not is_awaited:
            self._disappear(row, self._cause_of(row))

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

    def _time_of(self, told: datetime | None, row: PortRuntime | None, cause: str) -> datetime:
        """Return when something happened: as the kernel told it, if that can be, else now."""
        now = self.sweep.taken_at
        if told is None or cause != Cause.OBSERVED or not self.has_own_time:
            return now
        since = [self.since, self.last_sweep_at, row.last_seen_at if row else self.since]
        return told if all(since) and max(since) < told <= now else now

    def _told(self, key: Key, facts: dict) -> datetime | None:
        """Return when what holds a port now began to, if the kernel told that."""
        return self.sweep.news.opened_at(key, {end["cookie"] for end in facts["endpoints"]})

    def _create(self, listener: Listener, facts: dict, cause: str) -> None:
        at = self._time_of(self._told(listener.key, facts), None, cause)
        row = PortRuntime(
            host_id=self.sweep.host_id,
            protocol=listener.protocol,
            port=listener.port,
            first_seen_at=at,
            last_seen_at=self.sweep.taken_at,
            active_since=at,
            **facts,
        )
        self.written.append(row)
        self._record(Type.APPEARED, row, cause, at)

    def _return(self, row: PortRuntime, facts: dict, cause: str) -> None:
        """Bring a port back, and tell what is not as it was when it was seen last."""
        at = self._time_of(self._told(row.key, facts), row, cause)
        changes = telling(row, facts) | (succession.news(row, facts) or {})
        changes.pop("sockets", None)  # that some came or went: here all of them did
        row.current_state = State.ACTIVE
        row.active_since = at
        self._update(row, facts)
        self._record(Type.APPEARED, row, cause, at, changes)

    def _stay(self, row: PortRuntime, facts: dict, cause: str) -> None:
        """Carry an active port on: unchanged, changed, re-bound, or resumed by a reboot."""
        rebooted = cause == Cause.BOOT
        is_other_socket = succession.is_other_socket(row, facts)
        if self._is_blind_to(row, facts) and not is_other_socket:
            facts |= {name: getattr(row, name) for name in of_owner(Owner(OwnerState.UNKNOWN))}
        news = succession.news(row, facts)
        told = telling(row, facts)
        changed = any(getattr(row, name) != value for name, value in facts.items())
        began_at, ended_at = self._told(row.key, facts), self.sweep.news.closed_at(row.key)
        at = self._time_of(began_at or ended_at, row, cause)
        if rebooted or is_other_socket:
            row.active_since = at
        if changed or cause != Cause.OBSERVED:
            self._update(row, facts)
        if news is not None and (not rebooted or "program" in news or "scope" in told):
            self._record(Type.REBOUND, row, cause, at, told | news)
        elif self.heartbeat and not rebooted:
            self._record(Type.ALIVE, row, Cause.OBSERVED, self.sweep.taken_at)

    def _disappear(self, row: PortRuntime, cause: str) -> None:
        at = self._time_of(self.sweep.news.closed_at(row.key), row, cause)
        row.current_state = State.DISAPPEARED
        row.last_disappeared_at = at
        if self.last_sweep_at:
            row.last_seen_at = max(row.last_seen_at, self.last_sweep_at)
        self.written.append(row)
        self._record(Type.DISAPPEARED, row, cause, at)

    def _update(self, row: PortRuntime, facts: dict) -> None:
        for name, value in facts.items():
            setattr(row, name, value)
        row.last_seen_at = max(row.last_seen_at, self.sweep.taken_at)
        self.written.append(row)

    def _record(
        self,
        event_type: str,
        row: PortRuntime,
        cause: str,
        at: datetime,
        changes: dict | None = None,
    ) -> None:
        is_transition = event_type in {Type.APPEARED, Type.DISAPPEARED}
        if is_transition and cause == Cause.OBSERVED and self.has_own_time:
            row.transition_4_at = row.transition_3_at
            row.transition_3_at = row.transition_2_at
            row.transition_2_at = row.transition_1_at
            row.transition_1_at = at
        self.events.append(
            PortEvent(
                port_runtime=row,
                event_type=event_type,
                timestamp=at,
                pid=row.current_pid,
                cause=cause,
                changes=changes or {},
            )
        )
