"""Everything about one port as text: facts, state, note, sockets, processes, and what was."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.console import RenderableType
from rich.text import Text

from collector.sweep import Family
from notes.models import EVERY_HOST, PortNote, named
from portatlas import moves
from portatlas.board import owners, process_tree, timeline
from portatlas.models import Port
from portatlas.presence import presences
from portatlas.querysets import PortQuerySet
from portatlas.silence import silent_since
from portatlas.terminal import strip
from portatlas.terminal.layout import facts, section
from portatlas.terminal.marks import mark, mark_now
from portatlas.terminal.note_sheet import memory
from portatlas.terminal.reservation_sheet import reservation
from portatlas.terminal.screen import plain, prose
from portatlas.terminal.table import PortTable
from portatlas.terminal.target import Target
from portatlas.words import ago, clock, lasting

EVENTS = 10  # the last ones
ENDS = 20  # sockets
SEVERAL = 100  # ports of one number, on many hosts


def meant(target: Target, now: datetime) -> PortQuerySet:
    """Return the ports that somebody may mean, as one query."""
    ports = Port.objects.for_board(now).select_related("note__updated_by").filter(**target.chosen)
    return ports.order_by("host_id", "protocol")[:SEVERAL]


def notes(target: Target) -> list[PortNote]:
    """Return the notes about what somebody may mean, in one query."""
    chosen = target.chosen
    if target.host_id:
        chosen |= {"host_id__in": (chosen.pop("host_id"), EVERY_HOST)}
    return list(PortNote.objects.select_related("updated_by").filter(**chosen)[:SEVERAL])


def told(ports: Sequence[Port], now: datetime, width: int) -> Iterator[RenderableType]:
    """Yield all about the one port that is meant, or a line for each that may be."""
    if len(ports) == 1:
        yield from _seen(ports[0], now, width)
    else:
        yield f"{len(ports)} ports have this number; name one as host:port/protocol for all of it."
        yield ""
        yield PortTable(ports, now, width)


def unseen(found: Sequence[PortNote], now: datetime) -> Iterator[RenderableType]:
    """Yield all about the one note of a port that was never seen, or a line for each of several."""
    for note in found:
        yield prose(f"{named(note.key)} was never seen.", "bold")
        yield from memory(note, note.key, now) if len(found) == 1 else [prose(f"  {note.title}")]


def _seen(port: Port, now: datetime, width: int) -> Iterator[RenderableType]:
    key = port.host_id, port.protocol, port.port
    head = Text.assemble(
        (f"{port.port}/{port.protocol}", "bold"),
        f" on {port.host_id}  ",
        mark_now(port, now),
        f"  {_why(port, now)}",
    )
    yield head
    yield facts(_of_port(port, now))
    for fault in owners.faults(port):
        yield prose(fault, "yellow")
    if to := _moved(port):
        yield Text(f"Its program listens on {to.port}/{to.protocol} now.", style="yellow")
    yield from memory(port.note, key, now)
    yield from reservation(port, now)
    yield from section("Sockets", _ends(port))
    yield from section("Processes", _tree(port))
    pieces = presences([port], start=now - strip.SPAN, end=now, now=now)[port.pk].intervals
    drawn = strip.strip(pieces, width - 2)
    yield from section("Last 24 hours", [drawn, Text(strip.LEGEND, style="dim")])
    yield from section("Last events (UTC)", _events(port))


def _why(port: Port, now: datetime) -> str:
    """Say why a port is in its state; while nobody sees it, what that was last."""
    reason = plain(port.reason).plain
    if since := silent_since(port.host, now):
        return f"since {clock(since, now)}, last known as {mark(port.state).plain}: {reason}"
    return reason


def _of_port(port: Port, now: datetime) -> Iterator[tuple[str, str]]:
    yield "what", owners.title(port)
    yield "is", lasting(port, now)
    yield "open to", port.reach
    yield "process", port.process_name
    yield "held", owners.holding(port)
    yield "command", port.cmdline
    yield "program", port.exe
    yield "user", port.user
    yield "unit", port.unit or port.socket_unit
    yield "container", port.container_name or port.container[:12]
    yield "image", port.image
    yield "usually", port.well_known
    if port.backlog_limit:
        yield "queue", f"{port.backlog} of {port.backlog_limit}"
    yield "first seen", f"{port.first_seen_at:%F %T} UTC, {ago(port.first_seen_at, now)}"
    yield "last seen", f"{port.seen_at:%F %T} UTC, {ago(port.seen_at, now)}"


def _moved(port: Port) -> Port | None:
    """Return where the program of a port that is gone listens now."""
    if port.is_active or port.note is None or port.note.speaks_for_every_host:
        return None
    return moves.moved_to([port], moves.candidates([port])).get(port.pk)


def _ends(port: Port) -> list[Text]:
    ends = port.ends
    lines = []
    for end in ends[:ENDS]:
        address = f"[{end.address}]" if ":" in end.address else end.address
        at = f"{address}:{port.port}" + (f" on {end.device}" if end.device else "")
        who = f"{end.process_name} {end.pid}" if end.pid else end.process_name
        family = owners.FAMILIES[end.family] if end.family != Family.UNKNOWN else ""
        lines.append(plain("  ".join(filter(None, [at, family, who]))))
    left = len(ends) - ENDS
    return [*lines, plain(f"and {left} more")] if left > 0 else lines


def _tree(port: Port) -> list[Text]:
    """Return who started whom, down to those that hold the port."""
    if not port.current_pid:
        return []
    chain = [(each["pid"], each["name"]) for each in reversed(port.ancestors)]
    lines = [
        plain(f"{'  ' * depth}{name or 'process'} {pid}") for depth, (pid, name) in enumerate(chain)
    ]
    lines.append(
        plain(f"{'  ' * len(chain)}{port.process_name or 'process'} {port.current_pid}", "bold")
    )
    names = {end.pid: end.process_name for end in port.ends if end.process_name}
    others = [pid for pid in port.pids if pid != port.current_pid]
    indent = "  " * (len(chain) + 1)
    lines += [
        plain(f"{indent}{names.get(pid) or 'process'} {pid} holds it too")
        for pid in others[: process_tree.HOLDERS]
    ]
    left = len(others) - process_tree.HOLDERS
    return [*lines, plain(f"{indent}and {left} more")] if left > 0 else lines


def _events(port: Port) -> list[Text]:
    page = timeline.page(port)
    return [prose(event_words(line)) for line in page.lines[:EVENTS]]


def event_words(line: timeline.Told) -> str:
    """Say a line of the timeline."""
    changes = [f"{each.name} {each.old or 'none'} → {each.new or 'none'}" for each in line.changes]
    return "  ".join(filter(None, [line.when, line.what, ", ".join([*line.details, *changes])]))
