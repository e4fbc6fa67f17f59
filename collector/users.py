r"""
The users column of `ss`: `users:(("nginx",pid=12,fd=6),("nginx",pid=11,fd=6))`.

A name stands there raw: quotes, parentheses, newlines, whole entries that somebody forged
(N20-N24). What tells the truth from a forgery is that a name has at most 15 bytes, while
everything between two names, `",pid=1,fd=1),("`, has at least 16. So a list is read as a
graph of all the entries it could be made of, and an entry is believed only when there is no
other way to spell the list; where there is (two processes of one-digit PIDs can do it), the
entry is dropped and the list said to be truncated, so that its holders are looked up in /proc.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from itertools import zip_longest
from typing import NamedTuple

from collector.patterns import compiled
from collector.text import safe

NAME_LIMITS = (
    15,  # TASK_COMM_LEN less its NUL
    64,  # kernels before 4.18 wrote a newline as two characters; no name is longer than this
)
CUT = 65_535  # ss cuts the column here, in the midst of an entry (N19)
ENTRY_SIZE = 64  # no entry is longer

# Possessive (`++`) where nothing is gained by trying again, which halves the time.
_NUMBER = rb"(\d{1,10}+)"
_FURTHER = rb"[a-z_]++=[^\",()\s]*+"  # tid= today, whatever comes tomorrow (N16)
_FACTS = rb'",pid=%b,(?:%b,)*fd=%b(?:,%b)*\)' % (_NUMBER, _FURTHER, _NUMBER, _FURTHER)

# Without a quote or a comma in a name there is one way to spell a list; most are like that.
_SIMPLE = rb'\("%b",pid=%b,fd=%b\)'
_FIRST = _SIMPLE % (rb'([^",\n]{0,64}+)', _NUMBER, _NUMBER)
_MORE = _SIMPLE % (rb'[^",\n]{0,64}+', rb"\d{1,10}+", rb"\d{1,10}+")
SIMPLE = rb"users:\(%b((?:,%b){0,500})\)(?!\S)" % (_FIRST, _MORE)
SIMPLE_ENTRIES = compiled(_FIRST).findall
_PLAIN = rb'\("([^",]*+)' + _FACTS
ENTRY = compiled(_PLAIN)
LIST = compiled(rb"users:\((?:%b,)*%b\)(?!\S)(?!\s*\")" % (_PLAIN, _PLAIN)).match

FACTS = compiled(_FACTS)
OLD_FACTS = compiled(rb'",%b,%b\)' % (_NUMBER, _NUMBER))  # before iproute2 3.14
FIRST = len("users:(")
# What follows a list is nothing, another line, or a token that no name has room to forge.
END = compiled(rb"\)(?=\s*\Z|[^\S\n]*\n|\s+(?:[\w-]+:|[<-]-[->]))").match


class User(NamedTuple):
    """One open file of one process. The name is a hint: it may be cut, forged or lossy."""

    name: str
    pid: int
    fd: int


class State(Enum):
    """How much of a list could be read."""

    WHOLE = auto()
    TRUNCATED = auto()  # there are more holders than ss wrote, or than can be believed
    BROKEN = auto()  # truncated, and not by ss: the text itself was cut


# The users, where the column ends, and the state; plain, for there are ten thousand of them.
Column = tuple[tuple[User, ...], int, State]


@dataclass(frozen=True)
class _Entry:
    start: int
    end: int
    user: tuple[bytes, bytes, bytes]


def read(text: bytes) -> Column:
    """Read the users column at the beginning of `text`, or find none."""
    if not text.startswith(b'users:(("'):
        return (), 0, State.WHOLE
    if (match := LIST(text)) and match.end() < CUT - ENTRY_SIZE:
        return _users(ENTRY.findall(text, FIRST, match.end())), match.end(), State.WHOLE
    return _read_hostile(text)


def read_simple(entries: bytes) -> tuple[User, ...]:
    """Read entries that have the form of SIMPLE."""
    return _users(SIMPLE_ENTRIES(entries))


def _read_hostile(text: bytes) -> Column:
    facts = FACTS if b'",pid=' in text else OLD_FACTS
    for limit in NAME_LIMITS:
        entries = _possible(text, facts, limit)
        # A name has no room for the end of a list either: the last end is the end.
        end = max((each.end for each in entries if END(text, each.end)), default=0)
        if 0 < end < CUT - ENTRY_SIZE:
            viable = _leading_to({end}, entries)
            certain = _certain(viable)
            state = State.WHOLE if len(certain) == len(viable) else State.TRUNCATED
            return _users(each.user for each in certain), end + len(b")"), state

    # No end: ss cut the list, or somebody cut the text. The last whole entry ends near the
    # cut, and what hangs on it may be a forged one.
    cut = min(len(text), CUT) - ENTRY_SIZE
    entries = _possible(text, facts, NAME_LIMITS[0])
    viable = _leading_to({each.end for each in entries if each.end >= cut}, entries)
    believed = _users(each.user for each in _certain(viable) if each.start < cut)
    if len(text) < CUT - ENTRY_SIZE:
        return believed, len(text), State.BROKEN
    return believed, CUT - 1, State.TRUNCATED  # the column may have begun with a space


def _possible(text: bytes, facts: re.Pattern[bytes], limit: int) -> list[_Entry]:
    """Return every entry that can be reached from the start of the list, in order of end."""
    starts = [FIRST]
    entries = []
    for match in facts.finditer(text, FIRST):
        quote, end = match.span()
        reached = False
        for start in reversed(starts):
            name = start + len(b'("')
            if quote - name > limit:
                break
            if name <= quote:
                entries.append(_Entry(start, end, (text[name:quote], match[1], match[2])))
                reached = True
        if reached and text.startswith(b',("', end):
            starts.append(end + len(b","))
    return entries


def _leading_to(ends: set[int], entries: list[_Entry]) -> list[_Entry]:
    """Keep the entries from which an end of the list can be reached."""
    viable = []
    for each in reversed(entries):
        if each.end in ends:
            viable.append(each)
            ends.add(each.start - len(b","))
    return viable


def _certain(entries: list[_Entry]) -> list[_Entry]:
    """Keep the entries that no other one overlaps: they are in every way to spell the list."""
    ordered = sorted(entries, key=lambda each: (each.start, each.end))
    certain = []
    furthest = 0
    for each, following in zip_longest(ordered, ordered[1:]):
        if furthest <= each.start and (following is None or each.end <= following.start):
            certain.append(each)
        furthest = max(furthest, each.end)
    return certain


def _users(entries: Iterable[tuple[bytes, bytes, bytes]]) -> tuple[User, ...]:
    return tuple([User(name_of(name), int(pid), int(fd)) for name, pid, fd in entries])


@lru_cache(maxsize=4096)
def name_of(name: bytes) -> str:
    """Return a name made safe to show."""
    return safe(name)
