"""What a row says in the files of ports and of notes."""

from portatlas.admin.csv_export import Column
from portatlas.admin.linked import moment
from portatlas.board import owners


def of_note(name: str):
    """Return a function that reads a field of the note about a port."""
    return lambda port: getattr(port.note, name) if port.note else ""


def tags(note) -> str:
    return " ".join(note.tags) if note else ""


OF_PORTS = (
    Column("host", lambda port: port.host_id),
    Column("protocol", lambda port: port.protocol),
    Column("port", lambda port: port.port),
    Column("state", lambda port: port.state.value),
    Column("reason", lambda port: port.reason),
    Column("title", of_note("title")),
    Column("owner", of_note("owner")),
    Column("risk", of_note("risk_level")),
    Column("service type", of_note("service_type")),
    Column("tags", lambda port: tags(port.note)),
    Column("may listen", of_note("expected_scope")),
    Column("review by", of_note("review_by")),
    Column("note of", of_note("host_id")),
    Column("held by", owners.holder),
    Column("process", lambda port: port.process_name),
    Column("user", lambda port: port.user),
    Column("command", lambda port: port.cmdline),
    Column("unit", lambda port: port.unit),
    Column("container", lambda port: port.container_name),
    Column("image", lambda port: port.image),
    Column("reach", lambda port: port.reach),
    Column("addresses", lambda port: port.addresses),
    Column("first seen (UTC)", lambda port: moment(port.first_seen_at)),
    Column("last seen (UTC)", lambda port: moment(port.seen_at)),
)
OF_NOTES = (
    Column("host", lambda note: note.host_id),
    Column("protocol", lambda note: note.protocol),
    Column("port", lambda note: note.port),
    Column("title", lambda note: note.title),
    Column("owner", lambda note: note.owner),
    Column("risk", lambda note: note.risk_level),
    Column("service type", lambda note: note.service_type),
    Column("tags", tags),
    Column("may listen", lambda note: note.expected_scope),
    Column("review by", lambda note: note.review_by),
    Column("description", lambda note: note.description),
    Column("written (UTC)", lambda note: moment(note.created_at)),
    Column("written by", lambda note: note.created_by),
    Column("changed (UTC)", lambda note: moment(note.updated_at)),
    Column("changed by", lambda note: note.updated_by),
)
