"""
Cells in which no spreadsheet sees a formula, and from which one gets back what was put in.

An apostrophe goes before what a spreadsheet would run, and off again when it is read; what has
apostrophes there already gets one more. In some countries `;` separates cells, and there a cell
begins behind each of them.
"""

import re

CELL = r"(^|[;\t])"
FORMULA = r"[ \n]*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]"
TO_QUOTE = re.compile(rf"{CELL}(?='*{FORMULA})")
QUOTED = re.compile(rf"{CELL}'(?='*{FORMULA})")


def quote(text: str) -> str:
    """
    Return a text as a cell that is harmless.

    >>> quote("=1+1"), quote("'=1"), quote("it's"), quote("a;@b")
    ("'=1+1", "''=1", "it's", "a;'@b")
    """
    return TO_QUOTE.sub(r"\1'", text)


def unquote(cell: str) -> str:
    """
    Return the text that `quote` made a cell of.

    >>> unquote("'=1+1"), unquote("''=1"), unquote("it's"), unquote("a;'@b")
    ('=1+1', "'=1", "it's", 'a;@b')
    """
    return QUOTED.sub(r"\1", cell)
