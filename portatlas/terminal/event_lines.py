"""Events as lines: for people, and for programs as JSON."""

import json

from rich.text import Text

from collector.models import PortEvent
from portatlas.api.event_rows import OF_EVENT, OF_PORT, as_json
from portatlas.board import timeline
from portatlas.terminal.screen import plain

STYLES = {
    PortEvent.Type.APPEARED: "green",
    PortEvent.Type.DISAPPEARED: "red",
    PortEvent.Type.REBOUND: "yellow",
    PortEvent.Type.ALIVE: "dim",
}
HEAD = "{:19}  {:11}  {:9}  "


def line(event: PortEvent) -> Text:
    """Say an event in one line. Needs its port."""
    port = event.port_runtime
    told = timeline.Line.of_port(event)
    changes = [f"{each.name} {each.old or 'none'} → {each.new or 'none'}" for each in told.changes]
    said = [told.what.lower() if event.is_takeover else "", port.process_name, *told.details]
    head = HEAD.format(told.when, event.event_type, f"{port.port}/{port.protocol}")
    text = plain(f"{head}{port.host_id}  {', '.join(filter(None, [*said, *changes]))}")
    text.stylize(STYLES[event.event_type], 21, 32)
    return text


def json_line(event: PortEvent) -> str:
    """Tell an event as the API does, in one line. Needs its port."""
    of_event = {name: getattr(event, name) for name in OF_EVENT}
    of_port = {name: getattr(event.port_runtime, name) for name in OF_PORT}
    return json.dumps(as_json(of_event, of_port)) + "\n"
