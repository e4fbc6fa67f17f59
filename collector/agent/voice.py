"""What the agent says: on standard error, in lines, and the same thing once."""

from __future__ import annotations

import sys
from contextlib import suppress

from collector.text import safe

LONGEST = 600  # characters of a line


def say(text: str) -> None:
    """Write one line. Whatever a hub or a file put into it stays in that line."""
    with suppress(OSError):  # nobody listens any more, which is no reason to stop
        sys.stderr.write(f"portatlas-agent: {safe(text, LONGEST)}\n")
        sys.stderr.flush()


class Voice:
    """A trouble that lasts is told when it comes and when it changes, not at each attempt."""

    def __init__(self) -> None:
        self._said = ""

    def trouble(self, text: str) -> None:
        if text != self._said:
            say(text)
        self._said = text

    def relief(self) -> bool:
        """Forget the trouble, which is news again should it come back; return if there was one."""
        was, self._said = bool(self._said), ""
        return was
