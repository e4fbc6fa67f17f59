"""When a bell is followed by a look. Pure: seconds of a clock that nobody sets."""

from __future__ import annotations

SETTLE = 0.2  # seconds that what has begun is given to come to its end
AT_MOST_EVERY = 1.0  # seconds from one look to the next that a bell asks for
NEVER = float("inf")


class Pace:
    """
    The time of the look that a bell asks for.

    >>> pace = Pace()
    >>> pace.due
    inf
    >>> pace.ring(10); pace.ring(10.1); pace.due
    10.2
    >>> pace.looked(10.2); pace.due
    inf
    >>> pace.ring(10.3); pace.due
    11.2
    """

    def __init__(self) -> None:
        self._rang_at, self._looked_at = NEVER, -NEVER

    def ring(self, now: float) -> None:
        self._rang_at = min(self._rang_at, now)

    def hush(self) -> None:
        """Ask for no look any more: what rang has undone itself."""
        self._rang_at = NEVER

    def looked(self, now: float) -> None:
        """Take note that a look began, whatever for."""
        self._rang_at, self._looked_at = NEVER, now

    @property
    def due(self) -> float:
        return (
            max(self._rang_at + SETTLE, self._looked_at + AT_MOST_EVERY)
            if self._rang_at < NEVER
            else NEVER
        )
