"""
In which state a port was at some time: judged by the rules of states.py, as they are today.

What they ask about is today's row with what happened since undone. Where that leaves several
possibilities, it is only told what all of them lead to.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from collector.models import PortEvent, PortRuntime
from collector.sweep import OwnerState
from portatlas import states
from portatlas.evaluator import reader
from portatlas.happenings import FIRST, LATELY, Boots, Happening, Happenings
from portatlas.holders import DELETED, Holder, Manner
from portatlas.models import Port, Reading

UNSURE = "What was recorded then leaves more than one state open."
RESTLESS = "More happened to the ports in the hour before than is read: ask for fewer of them."
FOURTH = 4  # the transition that means flapping, counted from the last

State = PortRuntime.State


@dataclass
class Stood(Reading):
    """A port as it stood at a moment: the columns that the rules ask about, and what they say."""

    current_state: str  # as it was recorded: what was awaited after a boot was active
    scope: str
    owner_state: str
    is_client: bool
    active_since: datetime | None
    last_seen_at: datetime
    transition_4_at: datetime | None
    last_sweep_at: datetime | None  # of its host
    unsettled: str  # as well
    note: Any | None
    is_violated: bool = False
    rank: int = 0
    severity: int = 0
    counts_as_client: bool = False

    @property
    def host(self) -> "Stood":
        return self  # whose columns stand beside its own

    @property
    def standing(self) -> "Stood":
        return self  # as well

    @property
    def is_active(self) -> bool:
        return self.current_state == State.ACTIVE


class Judge:
    """Says how ports stood at a moment. Of events before `kept_since` some may be deleted."""

    rank = staticmethod(reader(states.rank()))
    client = staticmethod(reader(states.client()))

    def __init__(self, moment: datetime, kept_since: datetime, happened: Happenings):
        self.moment = moment
        self.kept_since = kept_since
        self.happened = happened
        self.severity = reader(states.severity(max(moment, FIRST)))

    def judge(
        self,
        port: Port,
        *,
        was_active: bool,
        held: Holder | Manner,
        note: Any | None,
        is_violated: bool,
    ) -> tuple[Stood | None, str]:
        """Return how a port stood, or None and why that can't be told. Needs its host."""
        if reason := self._untold(port):
            return None, reason
        found = []
        for stood in self._possible(port, was_active, held, note):
            stood.is_violated = is_violated
            stood.rank = self.rank(stood)
            stood.severity = self.severity(stood)
            stood.counts_as_client = self.client(stood)
            found.append(stood)
        if len({stood.severity for stood in found}) > 1:
            return None, UNSURE
        return found[-1], ""

    def _untold(self, port: Port) -> str:
        """Say why what decides can't be told, though it is known who held the port."""
        if self._is_as_of_today(port):
            return ""
        if not self.happened.lately.is_whole(port.pk):
            return RESTLESS
        is_cut = max(self.moment - LATELY, port.first_seen_at) < self.kept_since
        return DELETED if is_cut else ""

    def _is_as_of_today(self, port: Port) -> bool:
        """Whether the times that the row has are those that it had then."""
        times = (port.active_since, port.transition_1_at)
        return all(time is None or time <= self.moment for time in times)

    def _possible(
        self, port: Port, was_active: bool, held: Holder | Manner, note: Any | None
    ) -> Iterator[Stood]:
        host = port.host
        is_latest = host.last_look_at <= self.moment
        is_swept = host.last_sweep_at and host.last_sweep_at > self.moment
        for since in self._sinces(port, was_active):
            for owner in [held.owner_state] if held.owner_state else OwnerState:
                yield Stood(
                    current_state=State.ACTIVE if was_active else State.DISAPPEARED,
                    scope=held.scope,
                    owner_state=owner,
                    is_client=port.is_client,
                    active_since=since,
                    last_seen_at=port.last_seen_at,
                    transition_4_at=self._fourth(port),
                    # It was swept again and again in between: at the moment, as good as.
                    last_sweep_at=self.moment if is_swept else host.last_sweep_at,
                    unsettled=host.unsettled if is_latest else "",
                    note=note,
                )

    def _sinces(self, port: Port, was_active: bool) -> list[datetime | None]:
        """Return since when a port was up, each time that it may have been, the last one last."""
        is_as_of_today = port.active_since is None or port.active_since <= self.moment
        if not was_active:
            # How long it had stayed is forgotten once it is back. Clients do not stay.
            return [port.active_since if is_as_of_today else None]
        if is_as_of_today and (port.active_since is None or port.host.last_look_at <= self.moment):
            return [port.active_since]
        boot = self.happened.boots.get(port.host_id, Boots()).last
        surely = maybe = port.active_since if is_as_of_today else port.first_seen_at
        if not is_as_of_today:
            for each in self.happened.lately.of(port.pk):
                if each.begins_anew is not False:
                    maybe = each.timestamp
                if each.begins_anew:
                    surely = each.timestamp
        times = (max(time, boot) if boot else time for time in (surely, maybe))
        return list(dict.fromkeys(times))

    def _fourth(self, port: Port) -> datetime | None:
        """Return the fourth-last transition by then, if it can matter."""
        if port.transition_1_at is None or port.transition_1_at <= self.moment:
            return port.transition_4_at
        times = [each.timestamp for each in self.happened.lately.of(port.pk) if _is_counted(each)]
        return times[-FOURTH] if len(times) >= FOURTH else None


def _is_counted(happening: Happening) -> bool:
    return happening.is_transition and happening.cause == PortEvent.Cause.OBSERVED
