"""What the agent has to tell of one look: whole, or as the hub's own word for it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from collector.sweep import Sweep, Verdict


@dataclass(frozen=True)
class Body:
    """The bytes of a request."""

    data: bytes
    is_gzip: bool
    is_whole: bool


@dataclass(frozen=True)
class Report:
    """
    A sweep on its way, with all that it takes to send it without looking again.

    `content` is the same for two reports of which the second brings no news, "" where a report
    must travel whole. It never leaves this machine: another version of the agent, or the hub,
    may count other things as news.
    """

    head: dict[str, Any]  # the sweep's JSON, without its listeners
    content: str
    listeners: Callable[[], list[Any]]  # its listeners as JSON has them, for whom needs them

    @classmethod
    def of(cls, sweep: Sweep, *, confirmed: bool = False) -> Report:
        """Return the report of a sweep; `confirmed` if a look before it said the same."""
        head = replace(sweep, listeners=()).as_json()
        del head["listeners"]
        if confirmed:
            head["confirmed"] = True
        is_plain = sweep.verdict == Verdict.COMPLETE and not confirmed
        return cls(
            head,
            sweep.digest if is_plain else "",
            lambda: [each.as_json() for each in sweep.listeners],
        )

    @property
    def taken_at(self) -> str:
        return str(self.head["taken_at"])

    @property
    def is_confirmed(self) -> bool:
        return bool(self.head.get("confirmed"))

    @property
    def is_believed(self) -> bool:
        """Whether this machine itself has nothing against it; the hub may still."""
        return self.is_confirmed or self.head["verdict"] not in {Verdict.FAILED, Verdict.SUSPECT}

    def sent(self, at: datetime) -> Report:
        """Return what goes out at that time, by which the hub tells how far this clock is off."""
        return replace(self, head={**self.head, "sent_at": at.isoformat()})

    def whole(self) -> Body:
        data = as_json({**self.head, "listeners": self.listeners()})
        return Body(gzip.compress(data, 6, mtime=0), is_gzip=True, is_whole=True)

    def brief(self, digest: str) -> Body:
        """Return the head with the digest that the hub gave to the same listeners."""
        return Body(as_json({**self.head, "digest": digest}), is_gzip=False, is_whole=False)


def as_json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
