"""
What becomes of a port when two witnesses have spoken: the kernel's events, and the look.

Pure. The table is that of the eBPF watcher (three signals: recorded, opened, closed), with the
word of the look as the fourth. Three alone can't tell which came first, an open or a close, nor
whether one of several sockets is left; the look can, and is the only truth.
"""

from __future__ import annotations

from collector.strenum import StrEnum


class Action(StrEnum):
    INSERT = "insert"  # it is new, or back
    UPDATE = "update"  # it stays, and another socket holds it, or one more
    KEEP = "keep"  # it stays
    DISAPPEAR = "disappear"  # nobody holds it any more; nothing is ever deleted
    TRANSIENT = (
        "transient"  # it came and went between two looks: no port, but a line in the journal
    )
    NOTHING = "nothing"


def decide(*, recorded: bool, opened: bool, closed: bool, held: bool) -> Action:
    """
    Return what to do about a port.

    `recorded`: it is known as active. `opened`, `closed`: the kernel told of a socket on it that
    did so since the last look. `held`: this look saw it.

    >>> decide(recorded=True, opened=False, closed=True, held=True)  # one of several sockets
    <Action.KEEP: 'keep'>
    """
    if held:
        if not recorded:
            return Action.INSERT
        return Action.UPDATE if opened else Action.KEEP
    if recorded:
        return Action.DISAPPEAR
    return Action.TRANSIENT if opened and closed else Action.NOTHING
