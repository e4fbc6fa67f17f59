"""The table of ports: a line for each, cut to the width of the terminal and never wrapped."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from rich.console import Console, ConsoleOptions, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from portatlas.board import owners
from portatlas.models import Port
from portatlas.silence import silent_since
from portatlas.states import PortState
from portatlas.terminal.marks import mark_now
from portatlas.terminal.screen import plain
from portatlas.words import ago, span

REACH = {"loopback": "itself", "link": "its link", "private": "private", "any": "everywhere"}
WRONG = {PortState.SUSPICIOUS, PortState.FLAPPING, PortState.GHOST}
ROOMY = 110  # columns of a terminal that has room for every reason
INDENT = 14
LONGEST = 80  # characters of a name, so that a long one takes nothing from the others


class Column(NamedTuple):
    """A column: its heading, what it says, and how wide a terminal has to be to have it."""

    heading: str
    cell: Callable[[Port, datetime], Text]
    is_fixed: bool = False
    takes: int = 0
    is_needed: Callable[[Sequence[Port]], bool] = bool


def lasting(port: Port, now: datetime) -> str:
    """Say for how long a port is up, that it is not, or what it was last while nobody sees it."""
    if since := silent_since(port.host, now):
        return f"{port.state.value} {ago(since, now)}"
    if port.is_awaited:
        return "not back"
    if port.is_active:
        return span(port.uptime)
    return f"gone {span(now - port.last_disappeared_at)}"


def _process(port: Port, _now: datetime) -> Text:
    """Name the process where the title does not."""
    name = port.process_name
    return plain("" if name == owners.title(port) else name, "dim", LONGEST)


def _owner(port: Port) -> str:
    return port.note.owner if port.note else ""


COLUMNS = (
    Column("state", mark_now, is_fixed=True),
    Column("port", lambda port, now: plain(f"{port.port}/{port.protocol}", "bold"), is_fixed=True),
    Column(
        "host",
        lambda port, now: plain(port.host_id, longest=LONGEST),
        is_needed=lambda ports: len({port.host_id for port in ports}) > 1,
    ),
    Column("what", lambda port, now: plain(owners.title(port), longest=LONGEST)),
    Column(
        "process",
        _process,
        takes=120,
        is_needed=lambda ports: any(port.process_name != owners.title(port) for port in ports),
    ),
    Column("open to", lambda port, now: plain(REACH[port.scope]), is_fixed=True, takes=60),
    Column("up", lambda port, now: plain(lasting(port, now)), is_fixed=True, takes=50),
    Column(
        "ask",
        lambda port, now: plain(_owner(port), longest=LONGEST),
        takes=90,
        is_needed=lambda ports: any(map(_owner, ports)),
    ),
    Column("why", lambda port, now: plain(port.reason), takes=ROOMY),
)


class PortTable:
    """
    The table of ports that for_board() yields, for a terminal of so many columns.

    Where there is no room for why a port is in its state, what is wrong gets a line below it.
    """

    def __init__(self, ports: Sequence[Port], now: datetime, width: int):
        self.ports = ports
        self.is_narrow = width < ROOMY
        shown = [column for column in COLUMNS if column.takes <= width and column.is_needed(ports)]
        self.table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        for column in shown:
            self.table.add_column(column.heading, no_wrap=column.is_fixed, overflow="ellipsis")
        for port in ports:
            self.table.add_row(*(column.cell(port, now) for column in shown))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = console.render_lines(self.table, options, new_lines=True)
        for port, line in zip([None, *self.ports], lines, strict=True):
            yield from line
            if port and self.is_narrow and port.state in WRONG:
                yield Padding(plain(port.reason, "dim"), (0, 0, 0, INDENT))
