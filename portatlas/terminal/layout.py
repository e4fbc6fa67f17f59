"""How a sheet is laid out: sections with a heading, and facts with their names."""

from collections.abc import Iterable, Iterator, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from portatlas.terminal.screen import prose


def section(heading: str, lines: Sequence[RenderableType]) -> Iterator[RenderableType]:
    if lines:
        yield ""
        yield Text(heading, style="bold underline")
        yield Padding(Group(*lines), (0, 0, 0, 2))


def facts(pairs: Iterable[tuple[str, str]]) -> Table:
    drawn = Table.grid(padding=(0, 2, 0, 0))
    drawn.add_column(style="dim", no_wrap=True)
    drawn.add_column(overflow="fold")
    for name, value in pairs:
        if value:
            drawn.add_row(name, prose(value))  # may wrap: here is room to read it
    return drawn
