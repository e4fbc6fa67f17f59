"""
Which processes hold which sockets: found out once, then watched instead of searched again.

Nearly all that `ss -p` costs is the search through every open file of the machine. So only
new processes are looked through, only new sockets are searched for, and of what is known a
part is verified at each look, in turn. All this is a cache: `learn` starts it anew.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from math import ceil

from collector import process
from collector.ss import Socket

VERIFIED_AT_LEAST = 5  # holders at each look
ROLL_CALL = 4  # looks: so often processes are counted, if no socket is new to all that are known
TRIES = 2  # so many looks search for the holder of a socket; then it is known to have none
LIKELY = 32  # processes that opened or closed a socket lately: the first asked


class Holders:
    """The holders of each socket. A socket goes by its inode, unique among open ones."""

    def __init__(self):
        self.of: dict[int, dict[int, int]] = {}  # inode: PID to file number
        self.hidden: set[int] = set()  # processes that may not be looked into
        self._sockets: Collection[Socket] = ()
        self._identities: dict[int, str] = {}  # inode: which socket has it now
        self._lost: dict[int, int] = {}  # sockets without holder: how often it was searched for
        self._held: dict[int, set[int]] = {}  # PID: inodes
        self._looks = 0
        self._due = 0.0  # the share that is to be verified
        self._pids: set[int] = set()
        self._young: set[int] = set()  # perhaps just forked: not yet what they are going to be
        self._likely: dict[int, None] = {}  # the latest last
        self._counts: dict[int, int] = {}  # PID: open files when they were counted last
        # (inode, PID) of every holder; whose turn it is to be verified stands first.
        self._turn: OrderedDict[tuple[int, int], None] = OrderedDict()

    def learn(self, sockets: Collection[Socket], pids: Collection[int]) -> None:
        """
        Begin with what `ss -p` told, believing a PID only if it holds the socket (N23).

        `pids` are the processes that there were before: ss lists them before the sockets, and
        misses whoever came in between (N32).
        """
        self._pids = set(pids)
        self._meet(sockets)
        truncated = set()
        for socket in sockets:
            for user in socket.users if socket.inode else ():
                if process.holds(user.pid, user.fd, socket.inode):
                    self._add(socket.inode, user.pid, user.fd)
            if socket.inode and socket.users_truncated:
                truncated.add(socket.inode)
        if truncated:  # ss has no room for more than some thousand holders (N19)
            for pid in self._pids:
                self._look_into(pid)
        self._call_roll()
        # The first process is always there: if it can't be seen, others are hidden too (N31).
        self.hidden |= {1} - self._pids
        self._search(self._pids)
        # By process, so that a look verifies many sockets of few processes.
        pairs = ((inode, pid) for pid, held in self._held.items() for inode in held)
        self._turn = OrderedDict.fromkeys(pairs)

    def follow(self, sockets: Collection[Socket], share: float) -> tuple[set[int], set[int]]:
        """
        Catch up with the sockets that there are now.

        `share`, from 0 to 1, is how much of what is known is to be verified; a look at new
        sockets, which has enough to do, puts that off to the next one, but not twice in a row.
        Returns the inodes whose holders changed, and the PIDs that were verified.
        """
        changed: set[int] = set()
        verified: set[int] = set()
        self._looks += 1
        self._due += share
        is_put_off = sockets is not self._sockets and self._due == share
        if sockets is not self._sockets:
            # A service that is bound anew lets go of one socket and opens the next.
            new, bereft = self._meet(sockets)
            changed |= new | self._ask(list(bereft)[:LIKELY])
        if not is_put_off:
            found, verified = self._verify()
            changed |= found
        if self._looks % ROLL_CALL == 0 or self._wanted():
            found, grown_up = self._call_roll()
            changed |= found
            verified |= grown_up
        return changed | self._search(self._pids), verified

    def held_by(self, pid: int) -> set[int]:
        """Return the inodes of the sockets that a process holds."""
        return self._held.get(pid, set())

    def _verify(self) -> tuple[set[int], set[int]]:
        """Verify those whose turn it is; return the inodes that changed, and the PIDs."""
        changed: set[int] = set()
        verified: set[int] = set()
        count = max(VERIFIED_AT_LEAST, ceil(self._due * len(self._turn)))
        self._due = 0
        for inode, pid in list(islice(self._turn, count)):
            if (inode, pid) not in self._turn:  # it went as one before it was looked into
                continue
            self._turn.move_to_end((inode, pid))
            verified.add(pid)
            if not process.holds(pid, self.of[inode][pid], inode):
                changed |= self._look_into(pid)
        return changed, verified

    def _call_roll(self) -> tuple[set[int], set[int]]:
        """
        Forget the processes that have ended, and look into the new ones, twice each.

        Returns the inodes whose holders changed, and the PIDs of those that are new no longer.
        """
        pids = process.pids()
        changed: set[int] = set()
        for pid in self._pids - pids:
            changed |= self._leave(pid)
        fresh, young = pids - self._pids, self._young & pids
        for pid in fresh | young:
            changed |= self._look_into(pid)
        self._pids, self._young = pids, fresh
        return changed, young

    def _wanted(self) -> set[int]:
        """Return the sockets whose holder is still worth a search."""
        return {inode for inode, tries in self._lost.items() if tries < TRIES}

    def _meet(self, sockets: Collection[Socket]) -> tuple[set[int], set[int]]:
        """Take in the sockets of this look; return the new inodes, and PIDs that lost a socket."""
        bereft: set[int] = set()
        now = {each.inode: each.identity for each in sockets if each.inode}
        for inode, identity in self._identities.items():
            if now.get(inode) != identity:
                self._lost.pop(inode, None)
                for pid in self.of.pop(inode):
                    self._held[pid].discard(inode)
                    del self._turn[inode, pid]
                    bereft.add(pid)
        new = now.keys() - self.of.keys()
        for inode in new:
            self.of[inode] = {}
            self._lost[inode] = 0
        for pid in bereft:
            self._is_likely(pid)
        self._sockets, self._identities = sockets, now
        return new, bereft

    def _add(self, inode: int, pid: int, file: int) -> None:
        self.of[inode][pid] = file
        self._turn.setdefault((inode, pid))
        self._held.setdefault(pid, set()).add(inode)
        self._lost.pop(inode, None)

    def _drop(self, inode: int, pid: int) -> None:
        del self.of[inode][pid], self._turn[inode, pid]
        self._held[pid].discard(inode)
        if not self.of[inode]:
            self._lost[inode] = 0

    def _leave(self, pid: int) -> set[int]:
        """Forget a process that has ended; return what it held."""
        self.hidden.discard(pid)
        self._likely.pop(pid, None)
        held = set(self._held.get(pid, ()))
        for inode in held:
            self._drop(inode, pid)
        self._held.pop(pid, None)
        return held

    def _look_into(self, pid: int) -> set[int]:
        """Learn which of the sockets a process holds; return where that changed something."""
        try:
            files = process.sockets(pid)
        except PermissionError:  # a security module may forbid it even to root
            self.hidden.add(pid)
            return set()
        self.hidden.discard(pid)
        before = set(self._held.get(pid, ()))
        now = files.keys() & self.of.keys()
        for inode in before - now:
            self._drop(inode, pid)
        for inode in now:
            self._add(inode, pid, files[inode])
        return before ^ now

    def _search(self, candidates: Collection[int]) -> set[int]:
        """
        Search for the holders of the sockets that have none, until all are found.

        What nobody holds (the kernel's own sockets, those of other namespaces) is not searched
        for for ever.
        """
        changed = self._ask(self._likeliest_first(candidates))
        for inode in self._wanted():
            self._lost[inode] += 1
        return changed

    def _ask(self, candidates: Iterable[int]) -> set[int]:
        """Look into these, one after the other, until each socket has a holder."""
        wanted = self._wanted()
        changed: set[int] = set()
        for pid in candidates if wanted else ():
            changed |= self._look_into(pid)
            if found := wanted - self._lost.keys():
                wanted -= found
                self._is_likely(pid)
                if not wanted:
                    break
        return changed

    def _likeliest_first(self, candidates: Collection[int]) -> Iterator[int]:
        """Yield those that opened or closed sockets lately, have more or less files, are young."""
        lately = list(reversed(self._likely))
        yield from lately
        left = set(candidates).difference(lately)
        counts = {pid: process.count_files(pid) for pid in left}
        changed = {pid for pid, count in counts.items() if count != self._counts.get(pid)}
        self._counts = counts
        yield from sorted(changed, reverse=True)
        yield from sorted(left - changed, reverse=True)

    def _is_likely(self, pid: int) -> None:
        self._likely.pop(pid, None)
        self._likely[pid] = None
        if len(self._likely) > LIKELY:
            del self._likely[next(iter(self._likely))]
