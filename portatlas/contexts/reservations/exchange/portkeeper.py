"""
Port Keeper's exports, told as rows of ours: what they say, and what can't be carried over. Pure.

It makes rows and no checks of its own: what it makes is checked as any file is.
"""

import json
import re
from typing import Any, NamedTuple

from portatlas.contexts.reservations.exchange.faults import BadFileError

LONGEST_NAME = 100  # characters of a project's
LONGEST_TAG = 50
PLACES = 3  # that a remark names

# What a row has in our words; a place of a file is named in theirs.
NAMES = {
    "port": "number",
    "project": "projectName",
    "reserved_at": "reservedAt",
    "auto_release": "autoRelease",
}
KNOWN = {"number", "projectName", "description", "tags", "reservedAt", "autoRelease", "metadata"}
# What it saw of whoever used a port; ours are facts, which say that themselves.
OBSERVED = {"pid", "processName", "lastSeenAt", "updatedAt"}
OTHERS = KNOWN | OBSERVED | {"status", "id", "createdAt"}
STATUSES = (None, "reserved", "in-use", "free")


class Translation(NamedTuple):
    """Rows of ours, not yet checked, each with its place in the file; and the remarks."""

    rows: list[tuple[str, Any]]
    remarks: tuple[str, ...]


def is_one(said: Any) -> bool:
    """Whether the values of a file are an export of Port Keeper."""
    return isinstance(said, dict) and "format" not in said and "ports" in said


def translate(said: dict[str, Any], host_id: str) -> Translation:
    """
    Return what an export says of the TCP ports of a host.

    What it reserved at no time that it tells was reserved when it was exported. Raises
    BadFileError where it has no list of ports.
    """
    ports = said["ports"]
    if not isinstance(ports, list):
        raise BadFileError.at("ports", "a list was expected.")
    remarks = _Remarks()
    for name in sorted(said.keys() - {"version", "exportDate", "ports"}):
        remarks.add(ascii(name[:50]), "is not known here, and left out")
    rows = []
    for index, raw in enumerate(ports):
        place = f"ports[{index}]"
        if not isinstance(raw, dict):
            rows.append((place, raw))
        elif raw.get("status") == "free":
            remarks.add(place, "is free, and left out")
        else:
            rows.append((place, _row(raw, host_id, said.get("exportDate"), place, remarks)))
    return Translation(rows, remarks.told)


class _Remarks:
    """What is to be said of places, each thing once."""

    def __init__(self) -> None:
        self.places: dict[str, list[str]] = {}

    def add(self, place: str, what: str) -> None:
        self.places.setdefault(what, []).append(place)

    @property
    def told(self) -> tuple[str, ...]:
        return tuple(
            ", ".join(places[:PLACES])
            + (f" and {len(places) - PLACES} more" if places[PLACES:] else "")
            + f": {what}."
            for what, places in self.places.items()
        )


def _row(
    raw: dict[str, Any], host_id: str, exported: Any, place: str, remarks: _Remarks
) -> dict[str, Any]:
    for name in sorted(name for name, value in raw.items() if value is not None):
        if name in OBSERVED:
            remarks.add(place, f"{name} was seen then, and is left to what is seen now")
        elif name not in OTHERS:
            remarks.add(place, f"{name[:50]!a} is not known here, and left out")
    if raw.get("status") not in STATUSES:
        remarks.add(place, "its status is not known here; taken as reserved")
    row = {
        "host_id": host_id,
        "protocol": "tcp",
        "port": raw.get("number"),
        "project": _project(raw.get("projectName"), place, remarks),
        "description": raw.get("description"),
        "tags": _tags(_unpacked(raw.get("tags")), place, remarks),
        "metadata": _unpacked(raw.get("metadata")),
        "reserved_at": exported if raw.get("reservedAt") is None else raw["reservedAt"],
        "auto_release": _flag(raw.get("autoRelease")),
    }
    return {name: value for name, value in row.items() if value is not None}


def _project(name: Any, place: str, remarks: _Remarks) -> Any:
    """Return a name as a project's can be here, with nothing left of what it can't have."""
    if not isinstance(name, str):
        return name
    clean = re.sub(r"[^A-Za-z0-9._:@ -]+", "-", " ".join(name.split()))
    clean = re.sub(r"^[^A-Za-z0-9]+", "", clean)[:LONGEST_NAME].strip(" -")
    if clean and clean != name:
        remarks.add(place, f"its project is called {clean} here")
    return clean or name


def _tags(tags: Any, place: str, remarks: _Remarks) -> Any:
    """Return tags as lower-case words, each of them once."""
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        return tags
    words = (re.sub(r"[^a-z0-9._:/-]+", "-", tag.lower().strip()) for tag in tags)
    starts = (word.lstrip("._:/-")[:LONGEST_TAG].rstrip("-") for word in words)
    clean = [*dict.fromkeys(filter(None, starts))]
    if clean != tags:
        remarks.add(place, "its tags are made lower-case words")
    return clean


def _unpacked(value: Any) -> Any:
    """Return what its database keeps as a text of JSON."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value) if value else None
    except (ValueError, RecursionError):
        return value


def _flag(value: Any) -> Any:
    return bool(value) if type(value) is int and value in {0, 1} else value
