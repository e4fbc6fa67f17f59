"""A collector with its cache, and a clock that is 15 seconds further at each look."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from collector import look, services

HOST = "benchmark"
INTERVAL, TIMEOUT, ALIVE_EVERY = 15, 60, 3600  # seconds
SETTLING = 3  # sweeps until what happened is history


class Watcher:
    def __init__(self) -> None:
        self.watch = look.Watch()
        self.now = datetime.now(UTC)

    def sweep(self) -> services.Outcome:
        """Look and record, as the collector does."""
        return services.collect(
            self.watch,
            HOST,
            clock=self._clock,
            timeout=TIMEOUT,
            interval=INTERVAL,
            alive_every=ALIVE_EVERY,
        )

    def settle(self) -> None:
        for _ in range(SETTLING):
            self.sweep()

    def difference(self) -> str:
        """Say what a look with the cache tells otherwise than one without, "" if nothing."""
        at = self._clock()
        cached, full = _facts(self.watch, at), _facts(look.Watch(), at)
        for key in sorted(cached.keys() | full.keys()):
            if cached.get(key) != full.get(key):
                return f"{key} is {cached.get(key)} with the cache, {full.get(key)} without"
        return ""

    def _clock(self) -> datetime:
        self.now += timedelta(seconds=INTERVAL)
        return self.now


def _facts(watch: look.Watch, at: datetime) -> dict[str, object]:
    """Return what a look tells of the machine. The fill of a queue is no fact."""
    sweep = watch.look(HOST, at=at, timeout=TIMEOUT, interval=INTERVAL)
    facts: dict[str, object] = {
        "verdict": (sweep.verdict, sweep.reason),
        "owners": (sweep.owners_seen, sweep.owners_reason),
    }
    for each in sweep.listeners:
        ends = tuple(end._replace(backlog=0) for end in each.endpoints)
        facts["{}/{}".format(*each.key)] = replace(each, endpoints=ends).as_json()
    return facts
