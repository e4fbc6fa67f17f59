"""How long to wait before another attempt. Pure."""

from datetime import timedelta

LONGEST = 60  # times the first wait


def wait(attempts: int, first: timedelta, chance: float) -> timedelta:
    """
    Return the time until the next attempt, after so many. `chance` is one of 0 to 1.

    It doubles each time, up to a bound; by chance it is up to a half less, so that what failed
    together is not tried together again.

    >>> minute = timedelta(minutes=1)
    >>> [wait(n, minute, 0) // minute for n in (1, 2, 3, 7, 100)]
    [1, 2, 4, 60, 60]
    >>> wait(1, minute, 1).total_seconds()
    30.0
    """
    times = min(1 << min(attempts - 1, 20), LONGEST)
    return first * times * (1 - chance / 2)
