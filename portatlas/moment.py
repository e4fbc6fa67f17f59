"""A moment as it stands in an address, in a field of a form or in JSON, in UTC. Pure."""

from datetime import UTC, datetime

LONGEST = 40  # characters


def parse(text: str) -> datetime | None:
    """
    Read an ISO date or time, in UTC unless it says otherwise; None if it is none, or too long.

    >>> print(parse("2026-11-20"))
    2026-11-20 00:00:00+00:00
    >>> parse("2026-11-20T14:00"), parse("2026-11-20T14:00:00+02:00"), parse("yesterday")
    (datetime.datetime(2026, 11, 20, 14, 0, tzinfo=datetime.timezone.utc), \
datetime.datetime(2026, 11, 20, 12, 0, tzinfo=datetime.timezone.utc), None)
    >>> parse("2026-11-20T14:00:00." + 20 * "0" + "and so on")
    """
    text = text.strip()
    if len(text) > LONGEST:
        return None
    try:
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def field(moment: datetime) -> str:
    """Return a moment as a `datetime-local` field holds it, to the second."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}"


def cursor(moment: datetime) -> str:
    """Return a moment as an address holds it, exactly."""
    return moment.replace(tzinfo=None).isoformat()


def iso(moment: datetime | None) -> str | None:
    """
    Write a time of UTC as REST framework does, whether or not it says that it is of UTC.

    >>> iso(datetime(2026, 1, 1, 12)), iso(None)
    ('2026-01-01T12:00:00Z', None)
    """
    return moment.isoformat().removesuffix("+00:00") + "Z" if moment else None
