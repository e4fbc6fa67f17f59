"""What came of writing into the notes of many ports, in words."""

from collections import Counter
from collections.abc import Iterable

from notes.models import named
from notes.services import Key, Written

MOST_NAMES = 5  # of ports in one message


def names(keys: Iterable[Key]) -> str:
    """Name ports in a sentence, a few of them."""
    listed = [named(key) for key in keys]
    more = len(listed) - MOST_NAMES
    return ", ".join(listed[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def done(keys: list[Key], written: Written, what: str) -> str:
    """
    Say that ports are what they are now, and what they were judged to be before.

    >>> web, shell = ("atlas", "tcp", 80), ("atlas", "tcp", 22)
    >>> done([web, shell], Written(0, 2, before=("trusted",)), "expected")
    '2 ports are expected; 1 of them was trusted before.'
    >>> done([web], Written(1, 0, before=("trusted",), copied=(web,)), "suspicious")
    '80/tcp on atlas is suspicious; it was trusted before. It has a note of its own now, in place \
of the one for every host.'
    """
    is_one = len(keys) == 1
    text = f"{named(keys[0])} is {what}" if is_one else f"{len(keys)} ports are {what}"
    parts = [f"{text}{before(written, is_one=is_one)}.", _copied(written, is_one=is_one)]
    return " ".join(filter(None, parts))


def before(written: Written, *, is_one: bool = False) -> str:
    """
    Say how ports were judged before that are judged otherwise now, behind what they are now.

    >>> before(Written(0, 3, before=("trusted", "suspicious", "trusted")))
    '; 2 of them were trusted before, 1 suspicious'
    """
    counts = Counter(written.before).most_common()
    if not counts:
        return ""
    (first, number), *rest = counts
    if is_one:
        return f"; it was {first} before"
    verb = "was" if number == 1 else "were"
    others = "".join(f", {n} {risk}" for risk, n in rest)
    return f"; {number} of them {verb} {first} before{others}"


def _copied(written: Written, *, is_one: bool) -> str:
    """Say which ports got a note of their own, where the one for every host spoke."""
    number = len(written.copied)
    if not number:
        return ""
    if number == 1:
        who = "It" if is_one else "1 of them"
        return f"{who} has a note of its own now, in place of the one for every host."
    return f"{number} of them have notes of their own now, in place of those for every host."
