"""What is wrong with a file, and where. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

MOST = 20  # that are told of one file


class Fault(NamedTuple):
    """What is wrong at a place, as `reservations[3].port`; "" is the file as a whole."""

    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}" if self.place else self.text


class BadFileError(Exception):
    """
    A file can't be taken, and nothing of it was. `faults` are the first `MOST` of what is wrong.

    >>> BadFileError.at("reservations[3].port", "nothing is said.").lines
    ['reservations[3].port: nothing is said.']
    """

    def __init__(self, faults: Sequence[Fault]):
        self.faults = tuple(faults[:MOST])
        super().__init__("\n".join(self.lines))

    @classmethod
    def at(cls, place: str, text: str) -> "BadFileError":
        return cls([Fault(place, text)])

    @property
    def lines(self) -> list[str]:
        return list(map(str, self.faults))
