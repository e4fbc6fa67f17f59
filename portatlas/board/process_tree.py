"""The processes behind a port: who started whom, down to those that hold it."""

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from portatlas.models import Port

HOLDERS = 20  # processes that are named beside the first
LONGEST = 64  # characters of a name


def tree(port: Port) -> SafeString:
    """Return the processes of a port as nested lists, "" if none is known. No queries."""
    if not port.current_pid:
        return SafeString("")
    leader = _process(port.current_pid, port.process_name)
    html = _item(format_html("<b>{}</b>", leader), _others(port))
    for ancestor in port.ancestors:
        html = _item(_process(ancestor["pid"], ancestor["name"]), html)
    return html


def _item(said: SafeString, below: SafeString) -> SafeString:
    return format_html("<ul><li>{}{}</li></ul>", said, below)


def _process(pid: int, name: str) -> SafeString:
    return format_html("{} <small>{}</small>", name[:LONGEST] or "process", pid)


def _others(port: Port) -> SafeString:
    """List the other processes that hold the same sockets: workers mostly."""
    names = {end.pid: end.process_name for end in port.ends if end.process_name}
    others = [pid for pid in port.pids if pid != port.current_pid]
    items = format_html_join(
        "",
        "<li>{} <small>holds it too</small></li>",
        ((_process(pid, names.get(pid, "")),) for pid in others[:HOLDERS]),
    )
    left = len(others) - HOLDERS
    more = format_html("<li>and {} more</li>", left) if left > 0 else ""
    return format_html("<ul>{}{}</ul>", items, more) if others else SafeString("")
