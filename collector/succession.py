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
from collector.sweep import OwnerState

Facts = dict[str, Any]  # the columns of a row, as a sweep has them

INTERPRETER = re.compile(
    r"-?(?:python|perl|ruby|node|nodejs|php|java|bash|dash|sh|lua|tclsh|deno|bun)[\d.-]*"
).fullmatch
SAME_START = timedelta(seconds=2)  # the time of the boot, on which it rests, is told in seconds


def is_other_socket(row: PortRuntime, facts: Facts) -> bool:
    """Tell whether no socket of a port survived: its service was restarted between two looks."""
    before, now = _identities(row.endpoints, facts["endpoints"])
    return before.isdisjoint(now) if before and now else _is_other_process(row, facts)


def news(row: PortRuntime, facts: Facts) -> dict[str, list] | None:
    """
    Say what became of a port that listens before and after, None if there is nothing to tell.

    Told are `program`, when another one has taken over; `sockets`, their numbers, when some
    came or went and others stayed (N40); `addresses`, when those changed. A restart of the
    same program on the same addresses tells none of them, but is news all the same.
    """
    told: dict[str, list] = {}
    before, now = _identities(row.endpoints, facts["endpoints"])
    is_same = before == now if before and now else not _is_other_process(row, facts)
    if _is_other_program(row, facts):
        told["program"] = [_program(row.exe, row.process_name, row.cmdline)]
        told["program"].append(_program(facts["exe"], facts["process_name"], facts["cmdline"]))
    if is_same:
        return told or None
    if not before.isdisjoint(now) or len(row.endpoints) != len(facts["endpoints"]):
        told["sockets"] = [len(row.endpoints), len(facts["endpoints"])]
    addresses = [_addresses(row.endpoints), _addresses(facts["endpoints"])]
    if addresses[0] != addresses[1]:
        told["addresses"] = addresses
    return told


def _identities(before: list[dict], now: list[dict]) -> tuple[set, set]:
    """Return what tells the sockets of two looks apart, empty if nothing that both know does."""
    for name in ("cookie", "inode"):
        pair = tuple({end[name] for end in ends} for ends in (before, now))
        if all(pair[0]) and all(pair[1]):
            return pair
    return set(), set()


def _addresses(endpoints: list[dict]) -> str:
    return ", ".join(sorted({end["address"] for end in endpoints}))


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
    scripts = {_script(row.exe, row.cmdline), _script(facts["exe"], facts["cmdline"])}
    return len(scripts - {""}) > 1


def _script(exe: str, cmdline: str) -> str:
    """Return what an interpreter runs, "" for a program of its own and where a title hides it."""
    called, *words = cmdline.split() or [""]
    if not all(INTERPRETER(name.rpartition("/")[2]) for name in (exe, called)):
        return ""
    # A number is the value of an option.
    return next((word for word in words if not word.startswith("-") and not word.isdigit()), "")


def _program(exe: str, process_name: str, cmdline: str) -> str:
    """Name a program in a few letters."""
    script = _script(exe, cmdline)
    return f"{exe or process_name} {script}".strip()
