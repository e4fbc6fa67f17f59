"""A moment to look back to, as people ask for it. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from portatlas import moment as moments

CHOICES = {
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
USUAL = "24h"


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

        >>> noon = datetime.fromisoformat("2026-01-01T12:00Z")
        >>> print(Since.parse("1h", noon).moment, Since.parse("2025-12-31", noon).moment)
        2026-01-01 11:00:00+00:00 2025-12-31 00:00:00+00:00
        >>> Since.parse("yesterday", noon).chosen
        '24h'
        """
        text = text.strip() or USUAL
        if text in CHOICES:
            return cls(now - CHOICES[text], text)
        moment = moments.parse(text)
        if moment and moment < now:
            return cls(moment, "")
        error = (
            "That time has not come yet."
            if moment
            else "That is no time that can be read: write it like 2026-01-31T18:30, in UTC."
        )
        return cls(now - CHOICES[USUAL], USUAL, f"{error} What is shown is of the last {USUAL}.")
