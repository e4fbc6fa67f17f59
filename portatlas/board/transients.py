"""What came and went between two looks at a host, as its page tells it."""

from datetime import timedelta

from collector.models import Host, Transient
from portatlas.words import span

ROWS = 100  # of the journal


def newest(host: Host) -> list[tuple[Transient, str]]:
    """Return the last transients of a host, and for how long each held its port; in one query."""
    return [(each, lasted(each.lasted)) for each in host.transients.all()[:ROWS]]


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
