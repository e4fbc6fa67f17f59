"""The hours of a day in which nobody wants to hear anything. Pure."""

from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From one time of the day until another, which may be on the next day, as clocks there say."""

    start: time
    end: time
    zone: ZoneInfo

    def hold(self, at: datetime) -> bool:
        """
        Whether they are on at that time. They end as they should when clocks are changed.

        >>> from datetime import UTC
        >>> nights = QuietHours(time(22), time(7), ZoneInfo("Europe/Berlin"))
        >>> nights.hold(datetime(2026, 1, 1, 21, 0, tzinfo=UTC))
        True
        >>> nights.hold(datetime(2026, 1, 1, 20, 59, tzinfo=UTC))
        False
        >>> nights.hold(datetime(2026, 1, 1, 6, 0, tzinfo=UTC))
        False
        """
        now = at.astimezone(self.zone).time()
        if self.start <= self.end:
            return self.start <= now < self.end
        return now >= self.start or now < self.end
