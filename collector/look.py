"""Look at a machine, again and again or by its saved output, and make a sweep of each look."""

from __future__ import annotations

from datetime import datetime
from time import monotonic

from collector import machine, owners, process, reader, ss, tool
from collector.bell import Bell
from collector.ledger import MOST
from collector.listening import Listening, endpoint, grouped, listener
from collector.news import NO_NEWS, News
from collector.sweep import OwnersSeen, Sweep, Verdict
from collector.text import safe

VERIFIED_WITHIN = 300  # seconds until it is noticed that a socket has passed to somebody else
FULL_EVERY = 3600  # seconds; whatever the cache has missed comes right then


class Watch:
    """
    The looks at this machine, each cheaper for what the ones before found out.

    All it keeps is a cache: a new Watch sees the same, by a full look with `ss -p`. The first
    look is one, and the one after a pause, and one every hour. What the `bell` told since the last
    look goes with each that does not fail.
    """

    def __init__(self, bell: Bell | None = None):
        self.bell = bell or Bell()
        self.last: Sweep | None = None  # the last look that did not fail
        self._told = NO_NEWS  # by the last look
        self._untold = NO_NEWS  # what a look told that was not believed, or could not be kept
        self._booted_at: datetime | None = None
        self._begin()

    def forget(self) -> None:
        """Have the next look be a full one, and tell again what the last one told."""
        self.take_back()
        self._begin()

    def take_back(self) -> None:
        """Have the next look tell again what the last one told, which nobody has kept."""
        self._untold, self._told = self._told or self._untold, NO_NEWS

    def _begin(self) -> None:
        """Drop all that is known."""
        self._full_at = self._looked_at = float("-inf")
        self._memo = ss.Memo()
        self._listening = Listening(self._booted_at)

    def look(self, host_id: str, *, at: datetime, timeout: float, interval: float = 0) -> Sweep:
        """
        Return what this machine listens on. A look that failed is a failed sweep, and says why.

        `timeout` and `interval` are seconds; `interval` is when the next look is due, 0 if none
        is.
        """
        started = monotonic()
        booted_at = machine.booted_at(self._booted_at)
        if booted_at != self._booted_at:  # the clock was set, and with it whatever was dated by it
            self._booted_at = booted_at
            self._begin()
        self._told = NO_NEWS
        # What is told from now on, `ss` may have missed: it calls for a look of its own.
        self.bell.hear(started)
        self.bell.looked(started)
        common = {
            "host_id": host_id,
            "machine_id": machine.machine_id(),
            "boot_id": machine.boot_id(),
            "booted_at": booted_at,
            "uptime": machine.uptime(),
            "taken_at": at,
            "interval": interval,
            "event_source": self.bell.source,
            "event_source_reason": self.bell.reason,
        }
        try:
            seen = self._see(started, timeout=timeout, interval=interval)
        except (OSError, tool.ToolError, ss.ParseError) as exc:
            return Sweep(
                **common,
                verdict=Verdict.FAILED,
                reason=safe(str(exc), 300),
                owners_seen=OwnersSeen.NONE,
                duration=monotonic() - started,
            )
        listeners = self._listening.listeners
        owners_seen, owners_reason = owners.visibility(
            [each.owner for each in listeners], owners.excuse(self._listening.hidden)
        )
        self._told = _joined(self._untold, self.bell.report(at, started))
        self._untold = NO_NEWS
        self.bell.know(listeners)
        self.last = Sweep(
            **common,
            **_judge(seen.reading, seen.reason),
            source=seen.source,
            tool_version=seen.tool_version,
            listeners=listeners,
            owners_seen=owners_seen,
            owners_reason=owners_reason,
            news=self._told,
            skipped=seen.reading.skipped,
            duration=monotonic() - started,
        )
        return self.last

    def _see(self, now: float, *, timeout: float, interval: float) -> reader.Seen:
        """Read the sockets, and bring what is known of them up to date."""
        is_full = now > min(self._full_at + FULL_EVERY, self._looked_at + VERIFIED_WITHIN)
        pids = process.pids() if is_full else ()
        seen = reader.read(self._memo, with_owners=is_full, timeout=timeout)
        # Should what follows fail half-way, the next look begins anew.
        full_at, self._full_at = self._full_at, float("-inf")
        if is_full or seen.source == "psutil":
            self._listening = Listening(self._booted_at)
            self._listening.learn(seen.reading.sockets, pids)
            full_at = now
        else:
            # All have their turn a little sooner than promised, for a look may come late.
            left = VERIFIED_WITHIN - 2 * interval
            self._listening.follow(seen.reading.sockets, interval / left if left > interval else 1)
        self._full_at, self._looked_at = full_at, now
        return seen


def at_saved_output(output: bytes, host_id: str, *, at: datetime) -> Sweep:
    """Return the sweep in the saved output of `ss`. Raises ss.ParseError when it is none."""
    reading = ss.parse(output)
    groups = grouped(reading.sockets).values()
    found = owners.recorded(groups, with_users=reading.with_users)
    why = "ss did not name them" if reading.with_users else "it was saved without privileges"
    owners_seen, owners_reason = owners.visibility(found, why)
    return Sweep(
        host_id=host_id,
        taken_at=at,
        source="file",
        **_judge(reading, reader.NO_NETLINK if reading.through_proc else ""),
        listeners=tuple(
            listener(map(endpoint, group), owner, group[0], ephemeral=machine.EPHEMERAL)
            for group, owner in zip(groups, found)
        ),
        owners_seen=owners_seen,
        owners_reason=owners_reason,
        skipped=reading.skipped,
    )


def _judge(reading: ss.Reading, reason: str) -> dict:
    """Return verdict and reason for what was read, as far as the text itself can tell."""
    if reading.unreadable:
        return {
            "verdict": Verdict.PARTIAL,
            "reason": f"{reading.unreadable} rows could not be read, "
            f"the first is: {reading.sample}",
        }
    if not reading.sockets:
        return {"verdict": Verdict.SUSPECT, "reason": "No port was listed at all."}
    return {"verdict": Verdict.COMPLETE, "reason": reason}


def _joined(before: News, now: News) -> News:
    """Return the news of two reports, of which the later tells the end of what the first began."""
    again = {each.cookie for each in now.sockets}
    kept = [each for each in before.sockets if each.closed_at or each.cookie not in again]
    return News((*kept, *now.sockets)[-MOST:], before.lost + now.lost)
