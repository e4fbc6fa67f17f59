"""New events as they come, one statement a poll."""

from collections import deque
from collections.abc import Iterator

from django.db.models import Max, QuerySet

from collector.models import PortEvent

OVERLAP = 10  # seconds


def last_id() -> int:
    """Return the number of the newest event, 0 without any."""
    return PortEvent.objects.aggregate(last=Max("pk"))["last"] or 0


class Tail:
    """
    The events of a query that come after one of a number.

    Of two transactions the one with the lower numbers may be the last to be seen, so each poll
    reads again what was new in the last seconds, and leaves out what it has given already.
    """

    def __init__(self, events: QuerySet, last: int):
        self.events = events.order_by("pk")
        self.given: dict[int, float] = {}  # of the overlap, by when it was given
        self.floors = deque([(float("-inf"), last)])  # from when on which number was the last

    def poll(self, clock: float) -> Iterator[PortEvent]:
        """Yield what is new at a time in seconds, of any clock that is never set back."""
        while len(self.floors) > 1 and self.floors[1][0] <= clock - OVERLAP:
            self.floors.popleft()
        floor, last = self.floors[0][1], self.floors[-1][1]
        self.given = {pk: at for pk, at in self.given.items() if pk > floor}
        for event in self.events.filter(pk__gt=floor):
            if event.pk not in self.given:
                self.given[event.pk] = clock
                last = max(last, event.pk)
                yield event
        if last > self.floors[-1][1]:
            self.floors.append((clock, last))
