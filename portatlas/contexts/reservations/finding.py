"""Which free ports to take: the lowest, those nearest to one, or some in a row. Pure."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from heapq import merge


class NoneFreeError(Exception):
    """There are not as many free ports as were asked for; `found` are those that there are."""

    def __init__(self, found: Sequence[int]):
        super().__init__(f"{len(found)} free ports were found.")
        self.found = tuple(found)


def choose(  # noqa: PLR0913  # a search has as many terms
    gaps: Iterable[range],
    *,
    count: int,
    avoid: AbstractSet[int] = frozenset(),
    near: int | None = None,
    adjacent: bool = False,
    is_usable: Callable[[int], bool] = lambda port: True,
) -> list[int]:
    """
    Return so many ports of the gaps, ascending: the lowest, or those nearest to one.

    `is_usable` is asked last, and only of ports that would be taken. Adjacent ports are a row
    without a hole; of several the nearest, or the lowest.

    >>> choose([range(8000, 8003), range(8005, 8009)], count=3, avoid={8001})
    [8000, 8002, 8005]
    >>> choose([range(8000, 8003), range(8005, 8009)], count=3, near=8006)
    [8005, 8006, 8007]
    >>> choose([range(8000, 8002), range(8005, 8009)], count=3, adjacent=True)
    [8005, 8006, 8007]

    Raises NoneFreeError where there are fewer, none of which is to be taken then.
    """
    free = [port for gap in gaps for port in gap if port not in avoid]
    if adjacent:
        return _row(free, count, near, is_usable)
    found = []
    for port in free if near is None else _nearest(free, near):
        if is_usable(port):
            found.append(port)
            if len(found) == count:
                return sorted(found)
    raise NoneFreeError(sorted(found))


def _nearest(free: Sequence[int], near: int) -> Iterator[int]:
    """Yield ports by their distance, of two alike the higher one first."""
    above = (port for port in free if port >= near)
    below = (port for port in reversed(free) if port < near)
    return merge(above, below, key=lambda port: abs(port - near))


def _row(
    free: Sequence[int], count: int, near: int | None, is_usable: Callable[[int], bool]
) -> list[int]:
    starts = [
        start
        for start, last in zip(free, free[count - 1 :], strict=False)
        if last == start + count - 1
    ]
    unusable: set[int] = set()
    for start in starts if near is None else _nearest(starts, near):
        row = range(start, start + count)
        if not unusable.isdisjoint(row):
            continue
        for port in row:
            if not is_usable(port):
                unusable.add(port)
                break
        else:
            return list(row)
    raise NoneFreeError([])
