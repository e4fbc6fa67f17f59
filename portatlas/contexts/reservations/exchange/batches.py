"""How much goes into one statement."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

MOST = 1_000

Item = TypeVar("Item")


def batches(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), MOST):
        yield items[start : start + MOST]
