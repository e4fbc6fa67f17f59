"""A moment to look back to, as people ask for it. Pure."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Self

CHOICES = {
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
USUAL = "24h"
MOST = 40  # characters of a date with its time


@dataclass(frozen=True, slots=True)
class Since:
    """The moment, its name in CHOICES if it has one, and what was wrong with the question."""

    moment: datetime
    chosen: str
    error: str = ""

    @classmethod
    def parse(cls, text: str, now: datetime) -> Self:
        """
        Read one of CHOICES or an ISO date or time, which is UTC unless it says otherwise.

        What can't be read, or has not come yet, is the usual moment with an error in words.

        >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
        >>> print(Since.parse("1h", noon).moment, Since.parse("2025-12-31", noon).moment)
        2026-01-01 11:00:00+00:00 2025-12-31 00:00:00+00:00
        >>> Since.parse("yesterday", noon).chosen
        '24h'
        """
        text = text.strip()[:MOST] or USUAL
        if text in CHOICES:
            return cls(now - CHOICES[text], text)
        moment = _moment(text)
        if moment and moment < now:
            return cls(moment, "")
        error = (
            "That time has not come yet."
            if moment
            else "That is no time that can be read: write it like 2026-01-31T18:30, in UTC."
        )
        return cls(now - CHOICES[USUAL], USUAL, f"{error} What is shown is of the last {USUAL}.")


def _moment(text: str) -> datetime | None:
    """Return an ISO date or time, in UTC unless it says otherwise; None for anything else."""
    try:
        if len(text) == len("2026-01-31"):
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        told = datetime.fromisoformat(text)
        return told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
