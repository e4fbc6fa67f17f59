"""Notes from a table of ports, as PortNote and the spreadsheets before it keep them."""

import re
from collections.abc import Iterator
from typing import Any

from notes.exchange import cells, table
from notes.exchange.document import Document
from notes.exchange.drafts import ranges
from notes.exchange.drafts.draft import WIDEST, Draft, clean, words
from notes.exchange.faults import BadFileError, Fault
from notes.models import LONGEST, PortNote

BY_FIELD = {
    "host": "host hostid hostname server servername machine vm node ip address",
    "port": "port ports portnumber number",
    "protocol": "protocol proto transport",
    "title": "title name service servicename application app program",
    "description": "description note notes comment comments details purpose",
    "owner": "owner contact team responsible maintainer",
    "tags": "tags tag labels label",
    "url": "url link website",
    "service_type": "type servicetype category kind",
    "risk_level": "risk risklevel",
    "expected_scope": "scope expectedscope maylisten",
    "review_by": "reviewby review",
}
FIELDS = {heading: field for field, names in BY_FIELD.items() for heading in names.split()}
CHOICES = {
    "service_type": {str(label).lower(): value for value, label in PortNote.ServiceType.choices},
    "risk_level": {str(label).lower(): value for value, label in PortNote.RiskLevel.choices},
    "expected_scope": {str(label): value for value, label in PortNote.ExpectedScope.choices},
}
PORT = re.compile(r"([0-9]{1,5}(?:-[0-9]{1,5})?)(?:\.0+)?(?:/([A-Za-z]+))?", re.ASCII)
PROTOCOLS = {
    "": ("tcp",),
    "tcp": ("tcp",),
    "udp": ("udp",),
    **dict.fromkeys(("both", "tcp/udp", "udp/tcp", "tcp+udp", "tcp,udp", "tcpudp"), ("tcp", "udp")),
}


def draft(text: str, host: str | None) -> Document:
    """
    Return notes about the ports of a table whose columns are found by their headings.

    `host` stands for what the table says of hosts, if anything. Raises BadFileError.
    """
    rows = table.read(text, table.delimiter("".join(text.splitlines()[:1])))
    heading = next(rows, None)
    notes = Draft("row")
    columns = _columns(heading, notes) if heading else []
    if heading is None or "port" not in columns:
        why = "This is no table of ports: its first row names no column “port”."
        raise BadFileError([Fault(1, why)], "row")
    if not host and "host" not in columns:
        why = "The table doesn't say on which host its ports are: name it."
        raise BadFileError([Fault(0, why)], "row")
    for number, found in rows:
        pairs = zip(columns, found, strict=False)  # a short row ends early
        said = {name: cells.unquote(cell).strip() for name, cell in pairs if name}
        _row(notes, number, said, host)
    return notes.document()


def _columns(heading: table.Row, notes: Draft) -> list[str]:
    """Return the field of each column; of two for the same field the first counts."""
    columns: list[str] = []
    for cell in heading.cells:
        field = FIELDS.get(re.sub(r"[^a-z]", "", cell.lower()), "")
        columns.append("" if field in columns else field)
        if not columns[-1] and cell.strip():
            notes.remark(heading.number, f"The column {clean(cell, 50)} is left out.")
    return columns


def _row(notes: Draft, number: int, said: dict[str, str], host: str | None) -> None:
    where = host or said.get("host", "")
    try:
        keys = [(where, *each) for each in _ports(said)]
    except ValueError as exc:
        notes.remark(number, f"{clean(said.get('port', ''), 30) or 'nothing'}: {exc}.")
        return
    about = _about(notes, number, said)
    for key in keys:
        notes.add(number, key, **about)


def _ports(said: dict[str, str]) -> Iterator[tuple[str, int]]:
    found = PORT.fullmatch(said.get("port", ""))
    if not found:
        raise ValueError("a port is a number from 1 to 65535")
    protocol = (found[2] or said.get("protocol", "")).lower().replace(" ", "")
    if protocol not in PROTOCOLS:
        raise ValueError(f"{clean(protocol, 20)} is no protocol that is looked at")
    ports = ranges.ports(found[1])
    if len(ports) > WIDEST:
        raise ValueError(f"these are {len(ports)} ports, {WIDEST} at most are read")
    return ((each, port) for port in ports for each in PROTOCOLS[protocol])


def _about(notes: Draft, number: int, said: dict[str, str]) -> dict[str, Any]:
    lines = [said.get("description", ""), said.get("url", "")]
    about: dict[str, Any] = {
        "title": clean(said.get("title", ""), 200),
        "description": "\n\n".join(filter(None, lines))[:LONGEST],
        "owner": clean(said.get("owner", ""), 100),
        "tags": words(said.get("tags", "").replace(",", " ").replace(";", " ").split()),
        "review_by": said.get("review_by", ""),
    }
    for name, choices in CHOICES.items():
        word = said.get(name, "").lower()
        value = word if word in choices.values() else choices.get(word, "")
        if word and not value:
            notes.remark(number, f"{name}: {clean(word, 50)} is not known here: it is left out.")
        about[name] = value
    return about
