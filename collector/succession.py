"""
Whether what holds a port now is what held it before. No queries.

A socket is told by its cookie, else by its inode; where neither is known, its process stands
for it, by PID and start time. A program is told by the file that it runs, where it runs (unit,
container), and, if that file is an interpreter, by its script. A PID alone says nothing (N64).
"""

import re
from datetime import datetime, timedelta
from typing import Any

from collector.models import PortRuntime
from collector.sweep import Endpoint, OwnerState

Facts = dict[str, Any]  # the columns of a row, as a sweep has them

INTERPRETER = re.compile(
    r"(python|perl|ruby|node|nodejs|php|java|bash|dash|sh|busybox|lua|tclsh|deno|bun)[\d.-]*$"
).search
SAME_START = timedelta(seconds=2)  # the time of the boot, on which it rests, is told in seconds


def is_other_socket(row: PortRuntime, facts: Facts) -> bool:
    """Tell whether no socket of a port survived: its service was restarted between two looks."""
    before, now = _identities(row.endpoints), _identities(facts["endpoints"])
    if all(before) and all(now):
        return before.isdisjoint(now)
    return _is_other_process(row, facts)


def news(row: PortRuntime, facts: Facts) -> dict[str, list] | None:
    """
    Say what became of a port that listens before and after, None if there is nothing to tell.

    Told are `sockets`, when their number changed (N40), and `program`, when another one has
    taken over; a restart of the same program tells neither, but is news all the same.
    """
    told = {}
    if len(row.endpoints) != len(facts["endpoints"]):
        told["sockets"] = [len(row.endpoints), len(facts["endpoints"])]
    if _is_other_program(row, facts):
        told["program"] = [_program(row.exe, row.process_name, row.cmdline)]
        told["program"].append(_program(facts["exe"], facts["process_name"], facts["cmdline"]))
    before, now = _identities(row.endpoints), _identities(facts["endpoints"])
    is_same = before == now if all(before) and all(now) else not _is_other_process(row, facts)
    return None if is_same and not told else told


def _identities(endpoints: list[dict]) -> set[str]:
    return {Endpoint(**end).identity for end in endpoints}


def _is_other_process(row: PortRuntime, facts: Facts) -> bool:
    """Compare PID and start time, where both are known."""
    if not row.current_pid or not facts["current_pid"]:
        return False
    return row.current_pid != facts["current_pid"] or not _is_same_time(
        row.process_started_at, facts["process_started_at"]
    )


def _is_same_time(one: datetime | None, other: datetime | None) -> bool:
    return one is None or other is None or abs(one - other) <= SAME_START


def _is_other_program(row: PortRuntime, facts: Facts) -> bool:
    if not row.owner_state == facts["owner_state"] == OwnerState.KNOWN:
        return False
    if row.exe and facts["exe"]:
        if row.exe != facts["exe"]:
            return True
    elif row.process_name != facts["process_name"]:
        return True
    if not _is_other_process(row, facts):
        return False  # it only calls itself something else now
    places = ("unit", "container_name", "image", "user")
    if any(getattr(row, name) and facts[name] not in {"", getattr(row, name)} for name in places):
        return True
    return _script(row.exe, row.cmdline) != _script(facts["exe"], facts["cmdline"])


def _script(exe: str, cmdline: str) -> str:
    """Return what an interpreter runs, "" for a program of its own."""
    if not INTERPRETER(exe.rpartition("/")[2]):
        return ""
    words = cmdline.split()[1:]
    return next((word for word in words if not word.startswith("-")), "")


def _program(exe: str, process_name: str, cmdline: str) -> str:
    """Name a program in a few letters."""
    script = _script(exe, cmdline)
    return f"{exe or process_name} {script}".strip()
