"""What differs between two texts, line by line. Pure, and bounded whatever the texts."""

from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import NamedTuple

MOST_PAIRS = 2_500  # of lines that are held against each other; beyond, all are said anew
MOST_LINES = 60  # that are shown
WIDEST = 400  # characters of a line


class DiffLine(NamedTuple):
    """A line that one of the texts has and the other has not."""

    mark: str  # "+" for the new text, "-" for the old one, "…" for what is left out
    text: str


def compare(old: str, new: str) -> tuple[DiffLine, ...]:
    """
    Return the lines that differ, at most 60 and what is left out.

    >>> [*map(tuple, compare("a\\nb\\nc", "a\\nB\\nc"))]
    [('-', 'b'), ('+', 'B')]
    """
    if old == new:
        return ()
    found = list(_changed(old.splitlines(), new.splitlines()))
    shown = [DiffLine(mark, _cut(text)) for mark, text in found[:MOST_LINES]]
    if len(found) > MOST_LINES:
        shown.append(DiffLine("…", f"and {len(found) - MOST_LINES} more lines"))
    return tuple(shown) or (DiffLine("…", "only its line breaks changed"),)


def _changed(old: list[str], new: list[str]) -> Iterator[tuple[str, str]]:
    start = _same(old, new)
    end = _same(old[start:][::-1], new[start:][::-1])
    old, new = old[start : len(old) - end], new[start : len(new) - end]
    if len(old) * len(new) > MOST_PAIRS:
        yield from (("-", line) for line in old)
        yield from (("+", line) for line in new)
        return
    blocks = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    for tag, old_start, old_end, new_start, new_end in blocks:
        if tag != "equal":
            yield from (("-", line) for line in old[old_start:old_end])
            yield from (("+", line) for line in new[new_start:new_end])


def _same(one: list[str], other: list[str]) -> int:
    """Return how many lines two texts begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))


def _cut(line: str) -> str:
    return line if len(line) <= WIDEST else f"{line[:WIDEST]}…"
