"""Patterns with possessive quantifiers, which Python knows from 3.11 on; the agent runs on 3.9."""

from __future__ import annotations

import re
import sys
from typing import AnyStr

KNOWS_POSSESSIVE = sys.version_info >= (3, 11)


def compiled(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """
    Compile a pattern, with plain quantifiers for possessive ones on an older Python.

    Ours are possessive only where nothing is gained by trying again: the plain ones find the
    same, later.

    >>> older("[a-z]++=[0-9]{1,5}+")
    '[a-z]+=[0-9]{1,5}'
    """
    return re.compile(pattern if KNOWS_POSSESSIVE else older(pattern), flags)


def older(pattern: AnyStr) -> AnyStr:
    """Return a pattern with plain quantifiers in place of its possessive ones."""
    if isinstance(pattern, bytes):
        return re.sub(rb"([*+?}])\+", rb"\1", pattern)
    return re.sub(r"([*+?}])\+", r"\1", pattern)
