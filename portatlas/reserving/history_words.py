"""What a line of the history of reservations tells beside who and what, in words. Pure."""

from collections.abc import Iterator
from typing import Any

LONGEST = 80  # characters of one value
NOTHING = "nothing"


def in_words(details: Any) -> str:
    """
    Say why, what else is told, and what changed; in one order, for databases keep none.

    A file may have brought details of any shape.

    >>> in_words({"changes": {"tags": [["a"], []], "expires_at": [None, "2026"]}, "why": "moved"})
    'moved, expires at nothing → 2026, tags a → nothing'
    >>> in_words({"changes": "many", "pid": 7, "auto_release": False, "unit": ""}), in_words([1])
    ('auto release no, changes many, pid 7', '')
    >>> in_words({"fates": {"812": "ended", "813": "killed"}})
    'fates 812 ended 813 killed'
    """
    return ", ".join(_parts(details)) if isinstance(details, dict) else ""


def _parts(details: dict[str, Any]) -> Iterator[str]:
    rest = dict(details)
    why = rest.pop("why", None)
    changes = rest.pop("changes") if isinstance(rest.get("changes"), dict) else {}
    if _word(why) != NOTHING:
        yield _word(why)
    for name, value in sorted(rest.items()):
        if _word(value) != NOTHING:
            yield f"{_called(name)} {_word(value)}"
    for name, change in sorted(changes.items()):
        old, new = change if isinstance(change, list) and len(change) == 2 else (None, change)
        yield f"{_called(name)} {_word(old)} → {_word(new)}"


def _called(name: str) -> str:
    return name[:LONGEST].replace("_", " ")


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        value = [word for pair in value.items() for word in pair]
    if isinstance(value, list):
        value = " ".join(map(str, value))
    return NOTHING if value in (None, "") else str(value)[:LONGEST]
