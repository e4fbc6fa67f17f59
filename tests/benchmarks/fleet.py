"""Made-up machines whose every sweep is known, each with the agent that a host has."""

import gzip
import json
import random
import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from collector.agent.answer import Answer, Then
from collector.agent.courier import Courier
from collector.agent.hub import Hub
from collector.agent.loop import Agent
from collector.agent.outbox import Outbox
from collector.agent.report import Body, Report
from collector.agent.spool import Spool
from collector.sweep import (
    Endpoint,
    Listener,
    Owner,
    OwnerState,
    Protocol,
    Scope,
    Sweep,
    Verdict,
)
from collector.wake import Wake

UP = timedelta(days=1)  # long enough for all its services to have started
FIRST_PORT = 2000


@dataclass
class Machine:
    """Ports that come and go by chance, and what was seen of them at each look."""

    host_id: str
    interval: float
    ports: int
    chance: random.Random
    seen: dict[datetime, frozenset[int]] = field(default_factory=dict)
    sockets: int = 0

    def __post_init__(self) -> None:
        self.booted_at = datetime.now(UTC) - UP
        self.open = {port: self._listener(port) for port in range(FIRST_PORT, self._end)}

    def take(self) -> Report:
        """Look; every other time one port opened or closed, or did both, since the last look."""
        if self.seen and self.chance.random() < 0.5:
            port = self.chance.randrange(FIRST_PORT, self._end)
            if self.open.pop(port, None) is None:
                self.open[port] = self._listener(port)
        return self._report()

    def take_again(self) -> Report:
        """Look once more, as the hub asks for when it doubts a look."""
        return self._report(confirmed=True)

    @property
    def _end(self) -> int:
        return FIRST_PORT + self.ports

    def _report(self, *, confirmed: bool = False) -> Report:
        now = datetime.now(UTC)
        self.seen[now] = frozenset(self.open)
        sweep = Sweep(
            self.host_id,
            now,
            Verdict.COMPLETE,
            listeners=tuple(self.open[port] for port in sorted(self.open)),
            machine_id=f"machine of {self.host_id}",
            boot_id=f"boot of {self.host_id}",
            booted_at=self.booted_at,
            uptime=(now - self.booted_at).total_seconds(),
            interval=self.interval,
        )
        return Report.of(sweep, confirmed=confirmed)

    def _listener(self, port: int) -> Listener:
        self.sockets += 1
        name = f"service-{port}"
        owner = Owner(OwnerState.KNOWN, (port,), name, f"/usr/bin/{name} --serve", user="root")
        end = Endpoint("192.0.2.1", "", Scope.PRIVATE, 0, 128, f"{self.sockets:x}", self.sockets)
        return Listener(Protocol.TCP, port, (end,), owner)


class Station:
    """A machine with its agent in a thread; notes what the hub acknowledged, in its order."""

    def __init__(self, machine: Machine, url: str, token: str, folder: Path) -> None:
        folder.mkdir()
        self.machine, self._folder = machine, folder
        self.acknowledged: list[datetime] = []
        self.answers: Counter[Then] = Counter()
        self.dropped = 0
        token_file = folder / "token"
        token_file.touch(mode=0o600)
        token_file.write_text(token, encoding="ascii")
        self._hub = Hub(url, token_file)
        self._begin()

    def start(self) -> None:
        self._thread = threading.Thread(target=self._agent.run, args=(self.machine.interval,))
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many sweeps the hub has not taken, some of them on the disk."""
        return len(self._outbox)

    def stop(self) -> None:
        """Have the agent stop, as by SIGTERM; what was not taken stays in the spool."""
        self._wake.is_stopping = True
        self._wake.ring()
        self._thread.join()
        self._close()

    def deliver(self) -> bool:
        """Look once more with an agent started anew, and bring all that waits to the hub."""
        self._begin()
        try:
            return self._agent.run_once()
        finally:
            self._close()

    def _begin(self) -> None:
        self._wake = Wake()
        self._spool = Spool(self._folder / "spool", self.machine.host_id)
        self._outbox = Outbox(self._spool, partial(datetime.now, UTC))
        courier = Courier(self._post, self._wake.ring)
        self._agent = Agent(self.machine, self._outbox, courier, self._wake)

    def _close(self) -> None:
        self.dropped += self._outbox.dropped
        self._spool.close()

    def _post(self, body: Body) -> Answer:
        sweep = json.loads(gzip.decompress(body.data) if body.is_gzip else body.data)
        answer = self._hub.post(body)
        self.answers[answer.then] += 1
        if answer.then is Then.GO_ON:
            self.acknowledged.append(datetime.fromisoformat(sweep["taken_at"]))
        return answer
