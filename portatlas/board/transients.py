"""What came and went between two looks at a host, as its page tells it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Self

from collector.models import Host, Transient
from portatlas.words import span

READ = 200  # of the journal, the newest
PORTS = 6  # of a burst that are named


@dataclass(frozen=True, slots=True)
class Burst:
    """
    Sockets of one process that came and went one after the other.

    A resolver or a browser asks each of its questions through a socket of its own.
    """

    at: datetime  # when the last of them opened
    lasted: str  # for how long that one held its port that did so the longest
    named: list[Transient]
    more: int  # ports that are not named
    addresses: str
    process_name: str
    pid: int | None

    @classmethod
    def of(cls, sockets: list[Transient]) -> Self:
        last = sockets[0]
        ports = list({each.key: each for each in sockets}.values())
        longest = lasted(max(each.lasted for each in sockets))
        return cls(
            last.opened_at,
            longest if len(sockets) == 1 else f"{len(sockets)} times, {longest} at most",
            ports[:PORTS],
            max(0, len(ports) - PORTS),
            ", ".join(sorted({each.address for each in sockets})[:PORTS]),
            last.process_name,
            last.pid,
        )


def newest(host: Host) -> list[Burst]:
    """Return the last transients of a host, in one query."""
    found = host.transients.all()[:READ]
    by_process = groupby(found, lambda each: (each.pid, each.process_name))
    return [Burst.of(list(sockets)) for _process, sockets in by_process]


def lasted(time: timedelta) -> str:
    """
    Say how long, in milliseconds below a second.

    >>> lasted(timedelta(microseconds=300)), lasted(timedelta(seconds=0.25))
    ('less than 1 ms', '250 ms')
    >>> lasted(timedelta(seconds=4))
    '4 s'
    """
    if time >= timedelta(seconds=1):
        return span(time)
    milliseconds = time // timedelta(milliseconds=1)
    return f"{milliseconds} ms" if milliseconds else "less than 1 ms"
