"""What a process that hears nothing of the kernel itself knows of the one that does."""

import json
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from collector.bell import Bell
from collector.ebpf import support
from collector.lock import hangs, watched
from collector.sweep import EventSource

NOBODY = (
    "Nobody listens to the kernel between two looks: `python3 manage.py watch` does, and `up` "
    "starts it."
)
HANGS = (
    "Who listens to the kernel here has not stirred for minutes: end `python3 manage.py watch`, "
    "and start it again."
)


def write(bell: Bell, file: TextIO) -> None:
    """Leave in the lock of a watch what tells it of ports, or why nothing does."""
    file.write(json.dumps([bell.source, bell.reason]))
    file.flush()


def bell(folder: Path) -> Bell:
    """Return a bell that never rings, and says of this machine what its watch would say."""
    written = watched(folder)
    if written is None:
        return Bell(reason=support.missing() or NOBODY)
    if hangs(folder):
        return Bell(reason=HANGS)
    with suppress(ValueError):  # it begins, and has written nothing yet
        source, reason = json.loads(written)
        return Bell(source=EventSource(source), reason=reason)
    return Bell()
