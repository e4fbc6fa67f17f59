"""What a reservation may say: the checks of its texts, its tags and its metadata."""

import json
import re

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator

EVERY_HOST = "*"
MOST_TAGS = 30
LONGEST_METADATA = 16_384  # characters, as JSON
LONGEST_DETAILS = 65_536  # of a line of history: what it was and is, of all that one says
DEEPEST = 50  # levels of metadata, which a reader of files has to go into
NUL = re.compile(r"(?<!\\)(\\\\)*\\u0000")  # as JSON has it, which escapes a backslash, too
# No two names look the same on a page, where a blank at the end and a second one are not seen.
PROJECT = re.compile(r"[A-Za-z0-9](?: ?[A-Za-z0-9._:@-])*")
TAG = re.compile(r"[a-z0-9][a-z0-9._:/-]{0,49}")

host_name = RegexValidator(
    r"^([A-Za-z0-9][A-Za-z0-9._:-]*|\*)\Z",
    "A host's name has letters, digits and . _ : - and begins with a letter or a digit; "
    "* stands for every host.",
)
project_name = RegexValidator(
    rf"^{PROJECT.pattern}\Z",
    "A project's name has letters, digits and . _ : @ -, with single blanks between them, and "
    "begins with a letter or a digit.",
)


def plain_text(text: str) -> None:
    """Raise ValidationError for what no database or terminal should be given."""
    if not text.isprintable() and any(not (each.isprintable() or each in "\n\t") for each in text):
        raise ValidationError("It has characters that can't be printed.")


def tags(value: object) -> None:
    """Raise ValidationError unless it is a list of different lower-case words."""
    if not isinstance(value, list):
        raise ValidationError("Tags are a list of words.")
    if len(value) > MOST_TAGS:
        raise ValidationError(f"A reservation has at most {MOST_TAGS} tags.")
    for tag in value:
        if not isinstance(tag, str) or not TAG.fullmatch(tag):
            raise ValidationError(
                "%(tag)s is no tag: a tag is a lower-case word of at most 50 letters, digits "
                "and . _ : / -",
                params={"tag": ascii(tag)[:60]},
            )
    if len(set(value)) < len(value):
        raise ValidationError("Each tag is said once.")


def metadata(value: object) -> None:
    """Raise ValidationError unless it is a JSON object of a bearable size that can be stored."""
    if not isinstance(value, dict):
        raise ValidationError('Metadata is a JSON object, as {"ticket": 42}.')
    _bearable(value, "Metadata", LONGEST_METADATA, DEEPEST)


def details(value: object) -> None:
    """Raise ValidationError for what no line of history tells; it may tell metadata twice."""
    if not isinstance(value, dict):
        raise ValidationError("Details are a JSON object.")
    _bearable(value, "A line of history", LONGEST_DETAILS, DEEPEST + 3)


def _bearable(value: object, name: str, longest: int, deepest: int) -> None:
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        text.encode()
    except (TypeError, ValueError, RecursionError) as exc:
        raise ValidationError(f"{name} has something that JSON or UTF-8 can't say.") from exc
    if NUL.search(text):
        raise ValidationError(f"{name} has a NUL in it.")
    if len(text) > longest:
        raise ValidationError(f"{name} has at most {longest:,} characters as JSON.")
    if _depth(value) > deepest:
        raise ValidationError(f"{name} has at most {deepest} levels.")


def _depth(value: object) -> int:
    """Return how many levels of objects and lists a value has; `_bearable` knows it is finite."""
    levels, found = [value], 0
    while levels := [
        each
        for one in levels
        if isinstance(one, dict | list)
        for each in (one.values() if isinstance(one, dict) else one)
    ]:
        found += 1
    return found


def where(host_id: str) -> str:
    """Say on which host, in a sentence."""
    return "every host" if host_id == EVERY_HOST else host_id


def named(key: tuple[str, str, int]) -> str:
    """
    Name a port in a sentence, by its host, protocol and number.

    >>> named(("atlas", "tcp", 80)), named((EVERY_HOST, "udp", 53))
    ('80/tcp on atlas', '53/udp on every host')
    """
    host_id, protocol, port = key
    return f"{port}/{protocol} on {where(host_id)}"
