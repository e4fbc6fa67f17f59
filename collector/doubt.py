"""Which look is too poor to be true, and when a second one settles it (N56)."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from collector import reader
from collector.sweep import Sweep

FEW_PORTS = 5  # below this many ports, half of them may well go at once
FEW_TO_REPEAT = 2  # the same, where a look costs little to repeat


def doubt(active: AbstractSet[tuple[str, int]], sweep: Sweep, few: int) -> str:
    """
    Say why a complete-looking sweep is hard to believe, "" if it isn't.

    `active` are the keys of all servers that are known to be up. From `few` of them on, half
    of them gone at once is doubted; 0 doubts nothing.
    """
    gone = len(active - sweep.servers)
    if few and len(active) >= few and gone * 2 >= len(active):
        return f"{gone} of {len(active)} ports are gone at once."
    return ""


def is_confirmed(first: Sweep, again: Sweep) -> bool:
    """Whether a look in full agrees with the doubtful one before it, and psutil sees no more."""
    return (
        first.verdict == again.verdict
        and first.servers == again.servers
        and not reader.misses(again.by_key)
    )
