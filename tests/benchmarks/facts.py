"""What a collector recorded, read from its database while it works and afterwards."""

import json
import threading
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Self

from django.db import connection

from collector.models import Coverage, Host, PortEvent, PortRuntime
from tests.benchmarks.judge import Event, Row, Sweep

GLANCE = 0.1  # seconds; far less than any interval, so that no sweep is missed
UNSEEN = 2  # seconds that a sweep took, at the most, if only its events tell of it


class Watch(threading.Thread):
    """
    Write down every look while a block lasts, into `looks.jsonl`.

    An unchanged sweep leaves nothing but its time on the host, and the next one overwrites it.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.file = (folder / "looks.jsonl").open("a", encoding="utf-8", buffering=1)
        self.has_seen_one = threading.Event()
        self.is_over = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_) -> None:
        self.is_over.set()
        self.join()
        self.file.close()

    def run(self) -> None:
        last = None
        while not self.is_over.wait(GLANCE):
            host = self.glance()
            if host is None or host.last_look_at == last:
                continue
            ownerless = self.ownerless()
            if self.glance().last_look_at != host.last_look_at:
                continue  # the next look came in between
            last = host.last_look_at
            look = {
                "start": last.timestamp(),
                "end": (last + timedelta(seconds=host.duration)).timestamp(),
                "is_complete": host.last_sweep_at == last,
                "verdict": host.verdict,
                "reason": host.reason,
                "ownerless": ownerless,
            }
            self.file.write(f"{json.dumps(look)}\n")
            self.has_seen_one.set()
        connection.close()

    def glance(self) -> Host | None:
        return Host.objects.first()

    def ownerless(self) -> list:
        ports = PortRuntime.objects.filter(current_state=PortRuntime.State.ACTIVE)
        return [*ports.exclude(owner_state="known").values_list("protocol", "port")]


@dataclass
class Facts:
    """All that was recorded of one host."""

    sweeps: list[Sweep]
    unseen: int  # sweeps that the watch missed
    longest_look: float  # seconds
    others: list[str]  # looks that were not complete, and why
    looks: int  # sweeps by the coverage
    events: list[Event]
    rows: dict[tuple[str, int], Row]


def read(folder: Path) -> Facts:
    lines = (folder / "looks.jsonl").read_text(encoding="utf-8").splitlines()
    looks = [json.loads(line) for line in lines]
    sweeps = {
        look["start"]: Sweep(look["start"], look["end"], frozenset(map(tuple, look["ownerless"])))
        for look in looks
        if look["is_complete"]
    }
    events = [
        Event(
            (event.port_runtime.protocol, event.port_runtime.port),
            event.event_type,
            event.timestamp.timestamp(),
            event.changes,
        )
        for event in PortEvent.objects.select_related("port_runtime").order_by("timestamp", "pk")
    ]
    unseen = {event.at for event in events} - sweeps.keys()
    sweeps |= {at: Sweep(at, at + UNSEEN) for at in unseen}
    return Facts(
        [sweeps[at] for at in sorted(sweeps)],
        len(unseen),
        max((look["end"] - look["start"] for look in looks), default=0),
        [f"{look['verdict']}: {look['reason']}" for look in looks if not look["is_complete"]],
        sum(each.looks for each in Coverage.objects.select_related("host")),
        events,
        {(port.protocol, port.port): row(port) for port in PortRuntime.objects.all()},
    )


def row(port: PortRuntime) -> Row:
    sockets = frozenset(end["cookie"] for end in port.endpoints)
    return Row(port.is_active, sockets, port.current_pid, port.process_name, port.exe)
