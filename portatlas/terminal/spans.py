"""A moment as people ask for it on the command line: how long ago, or when. Pure."""

import re
from datetime import datetime, timedelta

from portatlas import moment

SPAN = re.compile(r"(?P<count>[0-9]{1,6})(?P<unit>s|m|min|h|d|w)")
UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
FORMS = "a span like 90s, 15min, 2h, 7d or 1w, or a time like 2026-01-31T18:30, in UTC"


def read(text: str, now: datetime) -> datetime:
    """
    Return the moment so long ago, or the one that an ISO date or time names.

    Raises ValueError with a sentence if it is neither.

    >>> noon = datetime.fromisoformat("2026-01-01T12:00Z")
    >>> print(read("2h", noon), read("2025-12-31", noon))
    2026-01-01 10:00:00+00:00 2025-12-31 00:00:00+00:00
    """
    if found := SPAN.fullmatch(text.strip()):
        try:
            return now - int(found["count"]) * UNITS[found["unit"]]
        except OverflowError as exc:
            raise ValueError(f"{text!a} is before the calendar begins.") from exc
    if then := moment.parse(text):
        return then
    raise ValueError(f"{text[:60]!a} is no time: write {FORMS}.")
