"""When to look: once in each interval of a clock that nobody sets. Pure."""

from __future__ import annotations

from collections.abc import Callable

JITTER = 0.1  # of an interval


class Ticks:
    """
    The times of the looks, in seconds of a monotonic clock.

    Intervals are counted from a moment that chance chooses, so that agents that were started
    together don't post together. How long a look takes moves no later one, and one that takes
    longer than an interval leaves the next out.
    """

    def __init__(self, interval: float, now: float, chance: Callable[[], float]) -> None:
        self._interval, self._chance = interval, chance
        self._origin = now - interval * chance()

    def after(self, now: float) -> float:
        """
        Return the time of the next look.

        >>> ticks = Ticks(15, 100, lambda: 0)
        >>> ticks.after(100), ticks.after(114.9), ticks.after(131)
        (115.0, 115.0, 145.0)
        """
        passed = (now - self._origin) // self._interval
        return self._origin + (passed + 1 + JITTER * self._chance()) * self._interval
