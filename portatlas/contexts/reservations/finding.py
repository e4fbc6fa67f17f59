"""Which free ports to take: the lowest, those nearest to one, or some in a row. Pure."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import merge

NUMBERS = 65536


class NoneFreeError(Exception):
    """There are not as many free ports as were asked for; `found` are those that there are."""

    def __init__(self, found: Sequence[int]):
        super().__init__(f"{len(found)} free ports were found.")
        self.found = tuple(found)


class Free:
    """
    The ports of some ranges that are free, as a byte for each number: 1 if it is, else 0.

    So the next port, or a row of them, is found as bytes are found in others.
    """

    def __init__(self, ranges: Iterable[range]):
        self._map = bytearray(NUMBERS)
        for each in ranges:
            first, end = max(each.start, 1), min(each.stop, NUMBERS)
            self._map[first:end] = b"\1" * (end - first)

    def leave_out(self, ports: Iterable[int]) -> int:
        """Have ports free no more, and return how many of them were."""
        before = self._map.count(1)
        for port in ports:
            self._map[port] = 0
        return before - self._map.count(1)

    def choose(
        self,
        count: int,
        *,
        near: int | None = None,
        adjacent: bool = False,
        is_usable: Callable[[int], bool] = lambda port: True,
    ) -> list[int]:
        """
        Return so many ports, ascending: the lowest, or those nearest to one.

        `is_usable` is asked last, and only of ports that would be taken; those that are not are
        free no more. Adjacent ports are a row without a hole; of several the nearest by their
        first port, or the lowest.

        >>> Free([range(8000, 8001), range(8002, 8009)]).choose(3)
        [8000, 8002, 8003]
        >>> Free([range(8000, 8003), range(8005, 8009)]).choose(3, near=8006)
        [8005, 8006, 8007]
        >>> Free([range(8000, 8002), range(8005, 8009)]).choose(3, adjacent=True)
        [8005, 8006, 8007]

        Raises NoneFreeError where there are fewer, none of which is to be taken then.
        """
        length = count if adjacent else 1
        row = b"\1" * length
        found: list[int] = []
        for first in self._upward(row, 0) if near is None else self._nearest(row, near):
            if not self._map.startswith(row, first):
                continue  # one of them has turned out not to be usable
            ports = range(first, first + length)
            unusable = next((port for port in ports if not is_usable(port)), None)
            if unusable is not None:
                self._map[unusable] = 0
                continue
            found += ports
            if len(found) == count:
                return sorted(found)
        raise NoneFreeError(sorted(found))

    def _nearest(self, row: bytes, near: int) -> Iterator[int]:
        """Yield where there is such a row by the distance, of two alike the higher one first."""
        near = min(max(near, 0), NUMBERS)
        both = self._upward(row, near), self._downward(row, near)
        return merge(*both, key=lambda first: abs(first - near))

    def _upward(self, row: bytes, first: int) -> Iterator[int]:
        while (first := self._map.find(row, first)) >= 0:
            yield first
            first += 1

    def _downward(self, row: bytes, above: int) -> Iterator[int]:
        while (above := self._map.rfind(row, 0, above - 1 + len(row))) >= 0:
            yield above
