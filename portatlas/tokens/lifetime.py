"""How long a token lives, in words. Pure."""

import re
from datetime import UTC, datetime, time, timedelta

NEVER = "never"
USUAL = "1y"
DAYS = {"d": 1, "w": 7, "y": 365}
LONGEST = 36500  # days, a hundred years
EXPLAINED = "Say 90d, 12w, 1y, a day like 2027-01-31, or never."


def expiry(text: str, at: datetime) -> datetime | None:
    """
    Return when a token ends that is made at that time, None for never.

    A day ends in UTC. Raises ValueError, with words for whoever typed it.

    >>> at = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> f"{expiry('90d', at):%F %T}", f"{expiry('2026-01-31', at):%F %T}", expiry("never", at)
    ('2026-04-01 12:00:00', '2026-02-01 00:00:00', None)
    """
    if text == NEVER:
        return None
    if span := re.fullmatch(r"([0-9]{1,5})([dwy])", text):
        days = int(span[1]) * DAYS[span[2]]
        if not 1 <= days <= LONGEST:
            raise ValueError("A token lives for a day at least, and for 100 years at most.")
        return at + timedelta(days=days)
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
        end = datetime.combine(day, time(), UTC) + timedelta(days=1)
    except (ValueError, OverflowError) as exc:
        raise ValueError(f"{text[:40]!r} is no time to expire. {EXPLAINED}") from exc
    if not at < end <= at + timedelta(days=LONGEST + 1):
        raise ValueError(f"{text} is over already, or too far. {EXPLAINED}")
    return end
