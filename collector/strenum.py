"""Words that are values, as Python 3.11 has them; the agent runs on 3.9 too."""

from __future__ import annotations

from enum import Enum


class StrEnum(str, Enum):
    """A word of a list. It is written, and told, as the word itself."""

    __str__ = str.__str__
    __format__ = str.__format__
