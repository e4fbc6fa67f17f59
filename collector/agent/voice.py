"""What the agent says: on standard error, in lines, and the same thing once."""

from __future__ import annotations

import re
import sys
from contextlib import suppress

from collector.text import safe

LONGEST = 600  # characters of a line
NUMBER = re.compile(r"(?<!\d)(?!\d{3}(?!\d))\d+", re.ASCII)  # of three digits are codes of answers


def say(text: str) -> None:
    """Write one line. Whatever a hub or a file put into it stays in that line."""
    with suppress(OSError):  # nobody listens any more, which is no reason to stop
        sys.stderr.write(f"portatlas-agent: {safe(text, LONGEST)}\n")
        sys.stderr.flush()


class Voice:
    """
    A trouble that lasts is told when it comes and when it changes, not at each attempt.

    That the time which a hub names is another one, or how long to wait, is no change.
    """

    def __init__(self) -> None:
        self._said = ""

    def trouble(self, text: str) -> None:
        what = NUMBER.sub("", text)
        if what != self._said:
            say(text)
        self._said = what

    def relief(self) -> bool:
        """Forget the trouble, which is news again should it come back; return if there was one."""
        was, self._said = bool(self._said), ""
        return was
