"""CSV as spreadsheets write it, in any country: rows of cells, with the row that they show."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from notes.exchange.faults import BadFileError, Fault

BOM = "\ufeff"  # without it spreadsheets take a file for what their country had before Unicode
DELIMITERS = ",;\t"


class Row(NamedTuple):
    """A row, counted from 1."""

    number: int
    cells: list[str]


def read(text: str, delimiter: str) -> Iterator[Row]:
    """Yield the rows that aren't empty. Raises BadFileError."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 0
    try:
        for number, cells in enumerate(reader, 1):
            if any(cells):
                yield Row(number, cells)
    except csv.Error as exc:
        raise BadFileError([Fault(number + 1, f"This is no CSV: {exc}.")], "row") from exc


def delimiter(heading: str) -> str:
    """
    Return what separates the cells of a row of headings.

    >>> delimiter("port;title"), delimiter("port")
    (';', ',')
    """
    return max(DELIMITERS, key=heading.count)


def write(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as RFC 4180 has them."""
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator="\r\n").writerows(rows)
    return file.getvalue()
