"""
The container: a tar whose members come in one order, so that it is written and read in one go.

`tar tf` lists it, and `tar xf` with `sha256sum -c SHA256SUMS` checks it. Only what the writer
here writes is read: headers of one block each, so that none can ask for memory, and names that
are compared and never become a path. Pure.
"""

import hashlib
import io
import tarfile
from collections.abc import Callable
from datetime import datetime
from typing import BinaryIO

from portatlas.backup.faults import BackupError, BadFileError

BLOCK, CHUNK = 512, 2**20  # bytes
SUMS = "SHA256SUMS"  # the last member; without it the file ends too early
LONGEST_SUMS = 4096  # bytes
COMPRESSED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"\xfd7zXZ": "xz", b"BZh": "bzip2"}

Tell = Callable[[int], None]  # gets how many bytes more are done


def ignore(_more: int) -> None:
    """Tell nobody."""


class Writer:
    """Write members one after the other, then `close`. What is written to may be a pipe."""

    def __init__(self, out: BinaryIO, at: datetime):
        self._out = out
        self._at = at
        self._sums: list[str] = []

    def add(self, name: str, data: bytes) -> None:
        self.add_from(io.BytesIO(data), name, len(data))

    def add_from(self, source: BinaryIO, name: str, size: int, tell: Tell = ignore) -> None:
        """Add `size` bytes of a source. Raises BackupError if it has fewer."""
        head = tarfile.TarInfo(name)
        head.size, head.mode, head.mtime = size, 0o600, int(self._at.timestamp())
        self._out.write(head.tobuf(tarfile.GNU_FORMAT, "ascii", "strict"))
        digest, left = hashlib.sha256(), size
        while left:
            data = source.read(min(CHUNK, left))
            if not data:
                raise BackupError(f"{name} became shorter while it was read. Try again.")
            digest.update(data)
            self._out.write(data)
            left -= len(data)
            tell(len(data))
        self._out.write(bytes(-size % BLOCK))
        self._sums.append(f"{digest.hexdigest()}  {name}\n")

    def close(self) -> None:
        """Add the checksums and the end of the archive."""
        self.add(SUMS, "".join(self._sums).encode("ascii"))
        self._out.write(bytes(2 * BLOCK))


class Reader:
    """
    Read members in the order in which they must come, then `check` them.

    All methods raise BadFileError, saying what is wrong with the file.
    """

    def __init__(self, source: BinaryIO):
        self._source = source
        self._sums: list[str] = []

    def small(self, name: str, longest: int) -> bytes:
        """Return a member of at most so many bytes."""
        size = self._open(name)
        if size > longest:
            raise BadFileError(
                f"This backup can't be used: {name} in it has {size} bytes, "
                f"and {longest} is the most. Somebody has changed it, or it was damaged."
            )
        content = io.BytesIO()
        self._copy(name, size, content, ignore)
        return content.getvalue()

    def copy(self, name: str, size: int, sink: BinaryIO, tell: Tell = ignore) -> None:
        """Write a member of `size` bytes to a sink."""
        found = self._open(name)
        if found != size:
            raise BadFileError(
                f"This backup can't be used: {name} in it has {found} bytes, and its manifest says "
                f"{size}. Somebody has changed it, or it was damaged."
            )
        self._copy(name, size, sink, tell)

    def check(self) -> None:
        """Compare what was read with the checksums at the end."""
        expected = "".join(self._sums).encode("ascii")
        if self.small(SUMS, LONGEST_SUMS) != expected:
            raise BadFileError(
                "This backup is damaged: its checksums do not fit what is in it. Take another one."
            )

    def _open(self, name: str) -> int:
        """Read the header of a member and return its size."""
        block = self._source.read(BLOCK)
        if not self._sums:
            _refuse_compressed(block)
        if len(block) < BLOCK or not any(block):  # a block of zeros is the end of a tar
            raise _truncated(name)
        try:
            head = tarfile.TarInfo.frombuf(block, "ascii", "backslashreplace")
        except tarfile.HeaderError as exc:
            raise _foreign(name, is_first=not self._sums) from exc
        if head.name != name or head.type != tarfile.REGTYPE or head.size < 0:
            raise _foreign(name, is_first=not self._sums)
        return head.size

    def _copy(self, name: str, size: int, sink: BinaryIO, tell: Tell) -> None:
        digest, left = hashlib.sha256(), size
        while left:
            data = self._source.read(min(CHUNK, left))
            if not data:
                raise _truncated(name)
            digest.update(data)
            sink.write(data)
            left -= len(data)
            tell(len(data))
        padding = -size % BLOCK
        if len(self._source.read(padding)) != padding:
            raise _truncated(name)
        self._sums.append(f"{digest.hexdigest()}  {name}\n")


def _refuse_compressed(start: bytes) -> None:
    """Raise BadFileError if a file begins like a compressed one."""
    for magic, tool in COMPRESSED.items():
        if start.startswith(magic):
            raise BadFileError(f"This file is compressed: {tool} -dc FILE, and restore from -.")


def _truncated(name: str) -> BadFileError:
    return BadFileError(
        f"This backup is not whole: the file ends before the end of {name}. Copy it again, or take "
        "another one."
    )


def _foreign(name: str, *, is_first: bool) -> BadFileError:
    if is_first:
        return BadFileError(f"This is no backup of Port Atlas: it does not begin with {name}.")
    return BadFileError(
        f"This backup is damaged: {name} is not where it belongs. Take another one."
    )
