"""
What no schema can say of a request: that a time is over, or that two values go together.

Who breaks such a rule is told its code beside the detail. Whatever else is refused as invalid is
wrong by the description already.
"""

from django.db.models import TextChoices


class Rule(TextChoices):
    """A rule by its code, and what it says."""

    TO_COME = "to-come", "A time that is asked about is over."
    TOGETHER = "together", "Some parameters don't go together, and some ask for another."
    CALENDAR = "calendar", "A time is one of the calendar, in UTC of the years 1 to 9999."
    RANGE = "range", "A port is from 1 to 65535, and a range goes from the lower to the higher."
    TWICE = "twice", "No two items of a body are about the same port."
    PRINTABLE = "printable", "A text has no characters that can't be printed."
    METADATA = "metadata", "Metadata has at most 16,384 characters as JSON, and no NUL."
    OVER = "over", "A reservation runs out in the time to come."
    PROCESS = "process", "A PID is that of a process that runs on this very host."
    CLOCK = "clock", "A time in a sweep is from 1970 to 2199, and the sweep was taken before now."
    TOO_MUCH = "too-much", "What is asked for is no more than one answer can hold or find out."
