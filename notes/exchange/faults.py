"""What is wrong with a file, and where."""

from collections.abc import Sequence
from typing import NamedTuple

MOST = 20  # that are told of one file


class Fault(NamedTuple):
    """What is wrong, on which line; 0 is the file as a whole."""

    line: int
    text: str


class BadFileError(Exception):
    """
    A file can't be taken, and nothing of it was.

    `faults` are the first `MOST` of what is wrong with it. Their lines are those of the text, or
    the rows of a table, as `unit` says.
    """

    def __init__(self, faults: Sequence[Fault], unit: str = "line"):
        self.faults = tuple(sorted(faults)[:MOST])
        self.unit = unit
        super().__init__("\n".join(self.lines))

    @classmethod
    def at(cls, line: int, text: str) -> "BadFileError":
        return cls([Fault(line, text)])

    @property
    def lines(self) -> list[str]:
        """
        Say each fault in a sentence.

        >>> BadFileError.at(3, "port: nothing is said.").lines
        ['line 3: port: nothing is said.']
        """
        return [
            f"{self.unit} {fault.line}: {fault.text}" if fault.line else fault.text
            for fault in self.faults
        ]


class EditedError(BadFileError):
    """What a file says of itself doesn't fit what is in it: it was edited, or damaged."""
