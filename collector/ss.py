"""
Bytes of `ss -lntup[He]` in, listening sockets out.

Pure: no Django, no subprocess, no clock, no /proc. A line that is no row continues the row
before it, for a process may have a newline in its name (N24). No name, at most 15 bytes long,
has room for the head of a row; the grammar of a row is in `rows.py`, and what names can forge
inside the users column is the matter of `users.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from collector.builds import parse_version, style_of
from collector.rows import OURS, UDP, Dialect, Socket, is_detailed, is_row, read, read_plain
from collector.sweep import Family
from collector.text import safe
from collector.users import User

__all__ = ["Family", "Memo", "ParseError", "Reading", "Socket", "User", "parse", "parse_version"]

HEADER = [b"Netid", b"State", b"Recv-Q"]


class ParseError(ValueError):
    """The text is no output of ss at all."""


@dataclass(frozen=True)
class Reading:
    """All that one output of ss says."""

    sockets: tuple[Socket, ...] = ()
    skipped: int = 0  # rows that list no port of ours: other tables and states, port 0 (N14, N44)
    unreadable: int = 0  # lines that should have been rows
    sample: str = ""  # the first of them

    @property
    def with_users(self) -> bool:
        """Whether the owner of any socket was shown; False without privileges (N29)."""
        return any(each.users or each.users_truncated for each in self.sockets)

    @property
    def through_proc(self) -> bool:
        """
        Whether ss, refused by netlink, fell back to /proc without a word (N57).

        Then it could not tell v6only, devices, cookies and limits, of UDP not even the inode.
        Never True where -e was not asked, for then nothing tells.
        """
        return any(each.inode for each in self.sockets) and any(
            not each.cookie and (each.inode or each.protocol is UDP) for each in self.sockets
        )


@dataclass
class Memo:
    """
    The last text that was read, so that what stands in the next one too is not read again.

    It never changes what is read, and holds nothing but the rows of that one text.
    """

    output: bytes = b""
    version: tuple[int, ...] | None = None
    reading: Reading = Reading()
    dialect: Dialect | None = None
    rows: dict[bytes, Socket | None] = field(default_factory=dict)


def parse(
    output: bytes, *, version: tuple[int, ...] | None = None, memo: Memo | None = None
) -> Reading:
    """
    Read what `ss` wrote, whichever build it was and whatever the processes call themselves.

    Rows that can't be read are counted, never guessed. Rows that stood in the text before,
    which `memo` keeps, give the very same sockets. Raises ParseError, and nothing else, when
    there is text and none of it comes from ss.
    """
    last = memo or Memo()
    if output == last.output and version == last.version:
        return last.reading
    lines = output.removesuffix(b"\n").split(b"\n")
    dialect = _dialect(output, lines, version)
    known = last.rows if dialect == last.dialect else {}
    found = _read_plain(lines, dialect, known)
    rows = dict(zip(lines, found)) if memo else {}
    records, unreadable = _records(lines, found) if None in found else ({}, [])
    skipped = 0
    for number, record in records.items():
        row = read(record, dialect)
        found[number] = known.get(record) or row.socket
        if row.is_readable:
            rows[record] = found[number]
            skipped += row.socket is None
            _, *further = row.tail.split(b"\n")
            skipped += sum(map(_is_association, further))
            unreadable += filter(_is_stray, further)
        else:
            unreadable.append(record)
    sample = safe(unreadable[0].strip(), 120) if unreadable else ""
    reading = Reading(tuple(filter(None, found)), skipped, len(unreadable), sample)
    if memo:
        memo.output, memo.version, memo.reading = output, version, reading
        memo.dialect, memo.rows = dialect, rows
    return reading


def _dialect(output: bytes, lines: list[bytes], version: tuple[int, ...] | None) -> Dialect:
    header = next(filter(_is_header, lines), b"") if b"Netid" in output else b""
    pairs = ((match[4], match[6]) for match in map(OURS, lines) if match)
    detailed = b" ino:" in output and any(map(is_detailed, lines))
    return Dialect(style_of(header, pairs, version), detailed)


def _read_plain(
    lines: list[bytes], dialect: Dialect, known: dict[bytes, Socket | None]
) -> list[Socket | None]:
    """Return the socket of each line that is a whole and plain row, as if no other followed."""
    if not known:
        return read_plain(lines, dialect)
    fresh = [line for line in lines if line not in known]
    sockets = known | dict(zip(fresh, read_plain(fresh, dialect)))
    return [sockets[line] for line in lines]


def _records(
    lines: list[bytes], found: list[Socket | None]
) -> tuple[dict[int, bytes], list[bytes]]:
    """Return the rows that are not plain, by number and with further lines; and stray lines."""
    records: dict[int, list[bytes]] = {}
    strays = []
    row = None
    has_header = False
    for number, line in enumerate(lines):
        if found[number]:
            row = number
        elif is_row(line):
            row = number
            records[row] = [line]
        elif _is_header(line):
            has_header = True
        elif row is not None:
            records.setdefault(row, [lines[row]]).append(line)
        elif line.strip():
            strays.append(line)
    if strays and row is None and not has_header:
        raise ParseError(f"This is not output of ss: {safe(strays[0], 120)}")
    return {number: b"\n".join(record) for number, record in records.items()}, strays


def _is_header(line: bytes) -> bool:
    return line.split(None, 3)[:3] == HEADER


def _is_association(line: bytes) -> bool:
    """Whether a line is one of the associations that ss lists below an SCTP socket (N14)."""
    return line.lstrip().startswith(b"`- ")


def _is_stray(line: bytes) -> bool:
    """Whether a line is neither blank nor a detail of its row, which are indented (N15)."""
    return bool(line) and not line[:1].isspace() and not _is_association(line)
