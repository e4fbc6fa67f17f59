"""When what a rule has found is told, so that many things at once are one message. Pure."""

from datetime import datetime, timedelta

CALM = timedelta(minutes=10)  # how long is collected after a message that could not name all


def is_time(
    at: datetime, *, oldest: datetime, digest: timedelta, hushed_until: datetime | None
) -> bool:
    """
    Whether to tell what is due, of which the oldest has been so since then.

    >>> noon, minute = datetime(2026, 1, 1, 12), timedelta(minutes=1)
    >>> is_time(noon, oldest=noon, digest=0 * minute, hushed_until=None)
    True
    >>> is_time(noon + 29 * minute, oldest=noon, digest=30 * minute, hushed_until=None)
    False
    >>> is_time(noon + 30 * minute, oldest=noon, digest=30 * minute, hushed_until=None)
    True
    >>> is_time(noon, oldest=noon, digest=0 * minute, hushed_until=noon + minute)
    False
    """
    return oldest + digest <= at and (hushed_until is None or hushed_until <= at)


def hush(at: datetime, *, total: int, named: int) -> datetime | None:
    """
    Return until when to collect after a message about `total` things that names `named` of them.

    >>> noon = datetime(2026, 1, 1, 12)
    >>> hush(noon, total=3, named=3)
    >>> hush(noon, total=10_000, named=10) - noon
    datetime.timedelta(seconds=600)
    """
    return at + CALM if total > named else None
