"""The seven states as a mark, a word and a colour, as states.css has them for the browser."""

from datetime import datetime

from rich.text import Text

from portatlas.models import Port
from portatlas.silence import silent_since
from portatlas.states import PortState

MARKS = {
    PortState.SUSPICIOUS: ("!", "bold red"),
    PortState.FLAPPING: ("↕", "bold yellow"),
    PortState.GHOST: ("○", "bold magenta"),
    PortState.UNNOTED: ("?", "bold blue"),
    PortState.KNOWN: ("i", "cyan"),
    PortState.HEALTHY: ("✓", "green"),
    PortState.GONE: ("–", "dim"),  # noqa: RUF001  # the mark that the board has
}


UNKNOWN = Text("… unknown", style="bold", no_wrap=True)


def mark_now(port: Port, now: datetime) -> Text:
    """Return the state of a port, or that it is unknown because its host is silent."""
    return UNKNOWN if silent_since(port.host, now) else mark(port.state)


def mark(state: PortState) -> Text:
    """
    Return a state as its mark and its word.

    >>> mark(PortState.GHOST).plain
    '○ ghost'
    """
    sign, style = MARKS[state]
    return Text(f"{sign} {state.value}", style=style, no_wrap=True)
