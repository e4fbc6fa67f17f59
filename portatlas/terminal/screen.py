"""
What a command prints: as wide and as colourful as where it goes, and plain text elsewhere.

Everything that processes or people have written comes through `plain`, so that none of it can
move the cursor, ring a bell or pass for another line.
"""

import io
import os
import sys
from collections.abc import Mapping
from typing import TextIO

from rich.console import Console, RenderableType
from rich.text import Text

from collector.text import safe

LONGEST = 2_000  # characters of one text
UNBOUNDED = 1_000  # columns where nobody looks: a pipe cuts nothing off
FEWEST, USUAL = 20, 80  # columns
WHEN = ("auto", "always", "never")

# What stands for a character that the encoding of the terminal lacks.
POORER = str.maketrans(
    {"↕": "~", "○": "o", "✓": "+", "–": "-", "…": ".", "█": "#", "▁": "_", "·": ".", "→": ">"}  # noqa: RUF001  # it stands for GONE
)


def plain(text: object, style: str = "", longest: int = LONGEST) -> Text:
    """Return a text as one line that is cut off, never wrapped, and is harmless."""
    return Text(safe(str(text), longest), style=style, no_wrap=True, overflow="ellipsis")


def prose(text: object, style: str = "") -> Text:
    """Return a text that goes on in the next line where there is no room, and is harmless."""
    return Text(safe(str(text), LONGEST), style=style)


class Screen:
    """Where a command writes to. Colours and width are settled when it is made."""

    def __init__(self, out: TextIO, when: str, env: Mapping[str, str] = os.environ):
        self.is_terminal = out.isatty()
        self.has_colors = when == "always" or (
            when == "auto"
            and self.is_terminal
            and not env.get("NO_COLOR")
            and env.get("TERM") != "dumb"
        )
        self.is_rich = "utf" in (getattr(out, "encoding", None) or "utf-8").lower()
        self.width = max(FEWEST, _columns(out, env) if self.is_terminal else _said(env))

    def text(self, *things: RenderableType) -> str:
        """Return things as they are to be written, each from a line of its own on."""
        drawn = io.StringIO()
        console = Console(
            file=drawn,
            width=self.width,
            color_system="standard" if self.has_colors else None,
            force_terminal=self.has_colors,
            no_color=not self.has_colors,
            legacy_windows=False,
            highlight=False,
            markup=False,
            emoji=False,
        )
        for thing in things:
            console.print(thing)
        text = drawn.getvalue()
        if not self.has_colors:
            text = "".join(f"{line.rstrip()}\n" for line in text.splitlines())
        return text if self.is_rich else text.translate(POORER)


def _said(env: Mapping[str, str], unless: int = UNBOUNDED) -> int:
    """Return for how many columns somebody has asked."""
    said = env.get("COLUMNS", "")
    return int(said) if said.isdecimal() and len(said) < 6 else unless


def _columns(terminal: TextIO, env: Mapping[str, str]) -> int:
    try:
        found = os.get_terminal_size(terminal.fileno()).columns
    except OSError:
        found = 0
    return _said(env, found or USUAL)  # some terminals don't know


def take_any_character(out: TextIO | None = None) -> None:
    """Let a terminal of another encoding show an escape where it lacks a character."""
    out = out or sys.stdout
    if hasattr(out, "reconfigure"):
        out.reconfigure(errors="backslashreplace")
