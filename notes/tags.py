"""Tags: a JSON list of lower-case words, each once. Pure but for the error it raises."""

import re

from django.core.exceptions import ValidationError

WORD = re.compile(r"[a-z0-9][a-z0-9._:/-]{0,49}")
MOST = 30


def parse(text: str) -> list[str]:
    """Return the words in what somebody typed, split at commas and white space, each once."""
    return list(dict.fromkeys(text.lower().replace(",", " ").split()))


def validate(tags: object) -> None:
    """Raise ValidationError unless `tags` is a list of different lower-case words."""
    if not isinstance(tags, list):
        raise ValidationError("Tags are a list of words.")
    if len(tags) > MOST:
        raise ValidationError(f"A note has at most {MOST} tags.")
    for tag in tags:
        if not isinstance(tag, str) or not WORD.fullmatch(tag):
            raise ValidationError(
                "%(tag)s is no tag: a tag is a lower-case word of at most 50 letters, digits "
                "and . _ : / -",
                params={"tag": repr(tag)[:60]},
            )
    if len(set(tags)) < len(tags):
        raise ValidationError("Each tag is said once.")
