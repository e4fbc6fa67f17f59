"""What agents bring: whether it can be recorded, and what becomes of it."""

from datetime import datetime, timedelta

from collector import services, timekeeping, unchanged
from collector.identity import SweepRefusedError, raise_if_other, refuse
from collector.models import Host
from collector.remembered import Memory
from collector.services import Outcome
from collector.sweep import Sweep
from collector.wire import Message

MEMORY = Memory()
AHEAD = timedelta(minutes=5)  # by so much the clock of a host may be ahead of ours


class ClockAheadError(Exception):
    """The sweep was taken at a time that is yet to come."""


class LateError(Exception):
    """A newer sweep of the host is recorded."""


class UnknownDigestError(Exception):
    """What a digest stands for is not what is recorded, or has to be looked at once more."""


def take(message: Message, *, at: datetime, alive_every: float) -> Outcome:
    """
    Record what an agent brings; `at` is now, by our clock. A digest alone costs one UPDATE.

    A look that is hard to believe is not, and its agent is to look again. Raises LateError,
    UnknownDigestError; and ClockAheadError and SweepRefusedError, whose reason the host keeps.
    """
    sweep = message.sweep
    looked_at = timekeeping.looked_at(sweep, message.sent_at, at)
    if sweep.taken_at > at + AHEAD:
        reason = (
            f"The clock of {sweep.host_id} is ahead: it says {sweep.taken_at:%F %T} UTC, and here "
            f"it is {at:%F %T} UTC. Set the one that is wrong."
        )
        refuse(sweep.host_id, at, reason)
        raise ClockAheadError(reason)
    if not message.digest:
        outcome = services.reconcile(
            sweep,
            alive_every=alive_every,
            confirmed=message.is_confirmed,
            before=MEMORY.of(sweep.host_id),
            may_repeat=True,
            at=at,
            looked_at=looked_at,
        )
        if outcome.digest == sweep.digest:
            MEMORY.keep(sweep)
    elif unchanged.extend(sweep, message.digest, alive_every, looked_at):
        return Outcome(sweep, unchanged=True, digest=message.digest)
    else:
        outcome = _not_extended(sweep, at)
    if outcome.dropped and not outcome.repeated:
        raise LateError
    return outcome


def _not_extended(sweep: Sweep, at: datetime) -> Outcome:
    """Tell why a digest alone is not enough: it came before, or is late, or the rest is needed."""
    host = Host.objects.filter(pk=sweep.host_id).first()
    if host is None:
        raise UnknownDigestError
    try:
        raise_if_other(host, sweep)
    except SweepRefusedError as exc:
        refuse(sweep.host_id, at, str(exc))
        raise
    if timekeeping.dated(sweep, host) is None:
        return services.dropped(sweep, host)
    raise UnknownDigestError
