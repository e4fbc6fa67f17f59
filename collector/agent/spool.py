"""
The spool: reports that the hub did not take yet, in files, the oldest first.

A file has the number of its report, what the report has for content, and its kind:

    000000000041-5f3c….base    delivered or dropped already; kept for those that follow
    000000000042-5f3c….same    says the same as the one before, and so has only its head
    000000000043-90b1….whole   a report, compressed

Each is written under another name, brought to the disk and renamed, so that whatever bears such a
name is whole, no matter when the agent or the machine died.
"""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import re
import zlib
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from collector.agent.report import Report, as_json

MOST_REPORTS = 5760  # a day, at one every 15 seconds
MOST_BYTES = 64 << 20
BLOCK = 4096  # bytes; a file takes up whole ones
NAME = re.compile(r"(\d{12})-([0-9a-f]{0,64})\.(whole|same|base)", re.ASCII).fullmatch
DRAFT = "draft"


class SpoolError(Exception):
    """The spool can't be used; the message is a sentence that says why."""


class DamagedError(Exception):
    """A file of the spool does not say what was written into it."""


class Entry(NamedTuple):
    number: int
    content: str
    kind: str
    size: int  # bytes that it takes up

    @property
    def name(self) -> str:
        return f"{self.number:012d}-{self.content}.{self.kind}"


class Spool:
    """
    A folder of reports of one host, of which one process at a time may dispose.

    Those of another host, whose name this machine had before, are dropped. So are the oldest
    beyond so many reports, or so many bytes. What is dropped is counted. Raises SpoolError.
    """

    def __init__(
        self,
        folder: Path,
        host_id: str,
        *,
        most_reports: int = MOST_REPORTS,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._folder = folder
        self._most_reports, self._most_bytes = most_reports, most_bytes
        self.dropped = 0  # reports that were given up
        self._handle = _claim(folder)
        self._entries: deque[Entry] = deque()
        self._size = 0
        self._load()
        self._drop_unless_of(host_id)

    def __len__(self) -> int:
        """Return how many reports wait."""
        return len(self._entries) - bool(self._entries and self._entries[0].kind == "base")

    def put(self, report: Report) -> None:
        """
        Keep a report behind all others. Raises OSError, and then nothing has changed.

        It costs a few hundred bytes where it brings no news.
        """
        last = self._entries[-1] if self._entries else Entry(0, "", "", 0)
        is_same = bool(report.content) and report.content == last.content
        data = as_json(report.head) if is_same else report.whole().data
        size = -(-len(data) // BLOCK) * BLOCK
        kind = "same" if is_same else "whole"
        entry = Entry(last.number + 1, report.content, kind, size)
        self._write(entry.name, data)
        self._entries.append(entry)
        self._size += size
        while self._entries and (len(self) > self._most_reports or self._size > self._most_bytes):
            self.drop()

    def first(self) -> Report | None:
        """
        Return the oldest report, None if none waits.

        Raises DamagedError, and so may asking the report for its listeners.
        """
        if not self._entries:
            return None
        first = self._entries[0]
        if first.kind == "whole":
            whole = self._whole(first)
            listeners = whole.pop("listeners")
            return Report(whole, first.content, lambda: listeners)
        entry = self._entries[1]
        head = _parsed((self._folder / entry.name).read_bytes)
        return Report(head, entry.content, lambda: self._whole(first)["listeners"])

    def drop(self) -> None:
        """Give up the oldest report."""
        self.pop()
        self.dropped += 1

    def pop(self) -> None:
        """Remove the oldest report, or keep its listeners only, for those that need them."""
        entries = self._entries
        first = entries[0]
        is_needed = len(entries) > 1 and entries[1].kind == "same"
        if first.kind == "whole" and is_needed:
            entries[0] = first._replace(kind="base")
            with suppress(OSError):
                (self._folder / first.name).rename(self._folder / entries[0].name)
            return
        if first.kind == "base":
            self._remove(1)
            is_needed = len(entries) > 1 and entries[1].kind == "same"
        if not is_needed:
            self._remove(0)

    def close(self) -> None:
        """Let another process have the folder."""
        os.close(self._handle)

    def _whole(self, entry: Entry) -> dict[str, Any]:
        path = self._folder / entry.name
        whole = _parsed(lambda: gzip.decompress(path.read_bytes()))
        if not isinstance(whole.get("listeners"), list):
            raise DamagedError
        return whole

    def _load(self) -> None:
        """Take stock of what an earlier process left."""
        found = []
        for path in self._folder.iterdir():
            match = NAME(path.name)
            if match:
                size = -(-path.stat().st_size // BLOCK) * BLOCK
                found.append(Entry(int(match[1]), match[2], match[3], size))
        for entry in sorted(found):
            self._entries.append(entry)
            self._size += entry.size
            before = self._entries[-2] if len(self._entries) > 1 else None
            # Its listeners are lost, or there is nothing left that needs them.
            is_orphan = entry.kind == "same" and (before is None or before.content != entry.content)
            is_left_over = before is not None and before.kind == "base" and entry.kind != "same"
            if is_left_over:
                self._remove(len(self._entries) - 2)
            if is_orphan:
                self._remove(len(self._entries) - 1)
                self.dropped += 1
        if self._entries and self._entries[-1].kind == "base":
            self._remove(len(self._entries) - 1)

    def _drop_unless_of(self, host_id: str) -> None:
        while self._entries:
            with suppress(DamagedError):
                first = self.first()
                if first is None or first.head.get("host_id") == host_id:
                    return
            self.drop()

    def _remove(self, position: int) -> None:
        entry = self._entries[position]
        del self._entries[position]
        # What can't be removed is sent again by the next agent, and dropped by the hub.
        with suppress(OSError):
            (self._folder / entry.name).unlink()
        self._size -= entry.size

    def _write(self, name: str, data: bytes) -> None:
        draft = self._folder / DRAFT
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with open(handle, "wb") as file:  # noqa: PTH123  # a handle has no path
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(self._folder / name)
        os.fsync(self._handle)


def _claim(folder: Path) -> int:
    """Return a handle of the folder, locked. Raises SpoolError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        os.close(handle)
        raise SpoolError(
            f"Another agent is using {folder}. Stop it, or choose another folder by --spool."
        ) from exc
    except OSError as exc:
        raise SpoolError(
            f"Sweeps can't be kept in {folder}: {exc.strerror}. Choose another folder by --spool."
        ) from exc
    return handle


def _parsed(read: Callable[[], bytes]) -> dict[str, Any]:
    """Return the JSON object in some bytes. Raises DamagedError."""
    try:
        value = json.loads(read())
    except (OSError, EOFError, ValueError, RecursionError, zlib.error) as exc:
        raise DamagedError from exc
    if not isinstance(value, dict) or not isinstance(value.get("taken_at"), str):
        raise DamagedError
    return value
