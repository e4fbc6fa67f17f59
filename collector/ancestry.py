"""The ancestors of a process: who started it, who started that, up to the first of all."""

from __future__ import annotations

from dataclasses import dataclass, field

from collector import process
from collector.process import Kin, Process
from collector.sweep import Ancestor

FURTHEST = 16  # generations; shells within shells may go on for longer than anybody reads


@dataclass
class Ancestry:
    """Who descends from whom, as long as it takes to build some owners: each is asked once."""

    _known: dict[int, Kin | None] = field(default_factory=dict)

    def of(self, child: Process) -> tuple[Ancestor, ...]:
        """
        Return the ancestors of a process, its parent first, as far as they can be seen.

        The last is process 1, unless there are more than sixteen, or one of them has just
        ended, or may not be looked at, or lives outside the collector's PID namespace.
        """
        found: list[Ancestor] = []
        pid, started = child.parent, child.started
        # A process has 0 for a parent if that is the kernel, or can't be seen from here.
        while pid and len(found) < FURTHEST and pid not in {child.pid, *(at.pid for at in found)}:
            kin = self._kin(pid)
            # Nobody descends from what started later: the number was given away since (N34).
            if kin is None or kin.started > started:
                break
            found.append(Ancestor(pid, kin.name))
            pid, started = kin.parent, kin.started
        return tuple(found)

    def _kin(self, pid: int) -> Kin | None:
        if pid not in self._known:
            self._known[pid] = process.kin(pid)
        return self._known[pid]
