"""Events of ports as the API tells them, each from the columns of one statement."""

from typing import Any

from portatlas.moment import iso

OF_EVENT = ("id", "event_type", "timestamp", "pid", "cause", "changes")
OF_PORT = ("host_id", "protocol", "port")


def as_json(event: dict[str, Any], port: dict[str, Any]) -> dict[str, Any]:
    """Return what is told of an event: what is `OF_EVENT`, and what of its port is `OF_PORT`."""
    return port | event | {"timestamp": iso(event["timestamp"])}
