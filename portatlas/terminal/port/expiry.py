"""When a reservation runs out, as people say it on the command line. Pure."""

from datetime import datetime, timedelta

from portatlas import moment
from portatlas.terminal.spans import SPAN, UNITS

NEVER = "never"
FORMS = "90s, 15min, 2h, 7d, 1w, a time like 2027-01-31T18:30 or a day, whose end is meant; in UTC"


def read(text: str, now: datetime) -> datetime | None:
    """
    Return the moment that is so far away, or that an ISO date or time names; None for never.

    Raises ValueError with a sentence if it is none of them.

    >>> noon = datetime.fromisoformat("2026-01-01T12:00Z")
    >>> print(read("2h", noon), read("2026-01-31", noon), read("never", noon))
    2026-01-01 14:00:00+00:00 2026-02-01 00:00:00+00:00 None
    """
    text = text.strip()
    if text in {NEVER, ""}:
        return None
    try:
        if found := SPAN.fullmatch(text):
            return now + int(found["count"]) * UNITS[found["unit"]]
        if then := moment.parse(text):
            return then + timedelta(days=1) if len(text) == len("2027-01-31") else then
    except OverflowError as exc:
        raise ValueError(f"{text[:60]!a} is after the calendar ends.") from exc
    raise ValueError(f"{text[:60]!a} is no time to run out: write {FORMS}, or {NEVER}.")
