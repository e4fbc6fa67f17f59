"""How long to leave a hub alone that took nothing. Pure."""

from __future__ import annotations

FIRST = 1.0  # seconds
LONGEST = 60.0  # seconds; when the hub is back, its hosts should not stay silent for long
REFUSED = 300.0  # seconds; somebody has to do something first
MOST = 3600.0  # seconds that a hub may ask for


def wait(attempts: int, chance: float, *, asked: float = 0, refused: bool = False) -> float:
    """
    Return the seconds until the next attempt, after so many in a row that failed.

    It doubles each time, up to a bound. `chance` is one of 0 to 1: by it the wait is up to a
    half less, so that agents that failed together don't come back together. Of what the hub
    `asked` for nothing is taken off; up to a quarter is put on instead.

    >>> [wait(attempts, 0) for attempts in (1, 2, 3, 7, 100)]
    [1.0, 2.0, 4.0, 60.0, 60.0]
    >>> wait(1, 1), wait(1, 1, refused=True), wait(1, 1, asked=8), wait(9, 0, asked=8)
    (0.5, 150.0, 10.0, 60.0)
    """
    longest = REFUSED if refused else min(FIRST * (1 << min(attempts - 1, 20)), LONGEST)
    return max(longest * (1 - chance / 2), min(asked, MOST) * (1 + chance / 4))
