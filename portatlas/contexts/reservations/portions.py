"""How much goes into one statement: databases take only so many values."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

MOST = 1_000

Item = TypeVar("Item")


def portions(items: Sequence[Item], size: int = MOST) -> Iterator[Sequence[Item]]:
    """
    Yield the items, so many at a time.

    >>> list(portions([1, 2, 3], 2))
    [[1, 2], [3]]
    """
    for start in range(0, len(items), size):
        yield items[start : start + size]
