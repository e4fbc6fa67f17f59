"""How well each host is being seen: what the board has to admit before it shows ports."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.models import Host
from collector.services import MISSED_SWEEPS
from collector.sweep import Verdict
from portatlas.board.words import ago, span


@dataclass(frozen=True, slots=True)
class HostView:
    """A host, when it was last looked at, and what is wrong with that look."""

    host_id: str
    last_look: str
    problems: tuple[str, ...]

    @classmethod
    def of(cls, host: Host, now: datetime):
        problems = []
        if host.verdict in {Verdict.FAILED, Verdict.SUSPECT}:
            shown = (
                f"What is shown is of {host.last_sweep_at:%F %T} UTC."
                if host.last_sweep_at
                else "Nothing could be recorded yet."
            )
            problems.append(
                f"The last look at {host.host_id} is {host.verdict}: {host.reason} {shown}"
            )
        elif host.verdict == Verdict.PARTIAL:
            problems.append(f"The last look at {host.host_id} is partial: {host.reason}")
        patience = timedelta(seconds=MISSED_SWEEPS * host.sweep_interval)
        if host.sweep_interval and now - host.last_look_at > patience:
            problems.append(
                f"Nobody has looked at {host.host_id} for {span(now - host.last_look_at)}: "
                "what it does now is unknown. Is the worker running?"
            )
        if host.last_look_at > now:
            problems.append(
                f"The clock of {host.host_id} was set back: looks are dropped until it has passed "
                f"{host.last_look_at:%F %T} UTC again."
            )
        if host.refused_at and host.refused_at > host.last_look_at:
            problems.append(
                f"A look was refused {ago(host.refused_at, now)}: {host.refused_reason}"
            )
        if host.owners_reason:
            problems.append(f"{host.host_id}: {host.owners_reason}")
        return cls(host.host_id, ago(host.last_look_at, now), tuple(problems))
