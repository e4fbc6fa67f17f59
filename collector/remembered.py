"""
What hosts were last seen to listen on, as far as it takes to tell what a new sweep changes.

It spares `reconcile` the rows that stay as they are. It is a cache in the memory of a process, and
never wrong: what is remembered counts only if its digest is that of what is recorded, and what is
forgotten is read from the database.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from threading import Lock

from collector.sweep import Sweep

Key = tuple[str, int]

MOST = 200_000  # listeners of all hosts together; each takes about 250 bytes


@dataclass(frozen=True, slots=True)
class Trace:
    """What a sweep leaves behind."""

    digest: str
    fingerprints: dict[Key, bytes]
    clients: frozenset[Key]

    @classmethod
    def of(cls, sweep: Sweep) -> "Trace":
        clients = frozenset(each.key for each in sweep.listeners if each.is_client)
        return cls(sweep.digest, sweep.fingerprints, clients)

    @property
    def servers(self) -> AbstractSet[Key]:
        """The keys of all but the client sockets."""
        return self.fingerprints.keys() - self.clients

    def changes(self, now: Sweep) -> set[Key]:
        """Return the keys of the listeners that came, went or tell another fact."""
        return {key for key, _print in now.fingerprints.items() ^ self.fingerprints.items()}


class Memory:
    """The traces of the hosts that were heard of last, up to a bound. Threads may share it."""

    def __init__(self, most: int = MOST):
        self._most, self._size = most, 0
        self._traces: dict[str, Trace] = {}
        self._lock = Lock()

    def of(self, host_id: str) -> Trace | None:
        return self._traces.get(host_id)

    def keep(self, sweep: Sweep) -> None:
        """Remember what a sweep saw, and forget those hosts that were silent for the longest."""
        trace = Trace.of(sweep)
        with self._lock:
            self._forget(sweep.host_id)
            self._traces[sweep.host_id] = trace
            self._size += len(trace.fingerprints)
            while self._size > self._most:
                self._forget(next(iter(self._traces)))

    def _forget(self, host_id: str) -> None:
        if trace := self._traces.pop(host_id, None):
            self._size -= len(trace.fingerprints)
