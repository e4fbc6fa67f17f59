"""What came and went between two looks at a host, as its page tells it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.models import Host, Transient
from portatlas.words import span

ROWS = 100  # of the journal


@dataclass(frozen=True, slots=True)
class Row:
    """A socket that no look saw, and for how long it held its port."""

    at: datetime
    lasted: str
    host_id: str
    protocol: str
    port: int
    address: str
    process_name: str
    pid: int | None


def newest(host: Host) -> Iterator[Row]:
    """Yield the last transients of a host, in one query."""
    for each in Transient.objects.filter(host=host).order_by("-closed_at", "-pk")[:ROWS]:
        yield Row(
            each.opened_at,
            lasted(each.closed_at - each.opened_at),
            each.host_id,
            each.protocol,
            each.port,
            each.address,
            each.process_name,
            each.pid,
        )


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
