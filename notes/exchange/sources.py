"""Which kinds of file are read: documents of ours, and what other programs keep."""

import re
from collections.abc import Callable
from enum import StrEnum
from pathlib import PurePath

from notes.exchange import as_csv, formats
from notes.exchange.document import FORMAT, Document
from notes.exchange.drafts import caddyfile, compose, nmap, portnote
from notes.exchange.faults import BadFileError
from notes.exchange.formats import Format
from notes.exchange.table import DELIMITERS

BEGINNING = 65_536  # characters by which a file is told
OF_OURS = re.compile(rf"""^["']?format["']?[ \t]*:[ \t]*["']?{FORMAT}\b""", re.MULTILINE)
SERVICES = re.compile(r"^services[ \t]*:", re.MULTILINE)
OBJECT = re.compile(r'\{\s*"')
HEADINGS = re.compile(r"\bports?\b", re.IGNORECASE)


class Kind(StrEnum):
    """A kind of file, by the name that a person gives it."""

    YAML = "yaml"
    JSON = "json"
    CSV = "csv"
    COMPOSE = "compose"
    CADDY = "caddy"
    NMAP = "nmap"
    PORTNOTE = "portnote"

    @property
    def unit(self) -> str:
        """What a place in such a file is counted in."""
        return "row" if self in {Kind.CSV, Kind.PORTNOTE} else "line"


BY_SUFFIX = {
    ".yaml": Kind.YAML,
    ".yml": Kind.YAML,
    ".json": Kind.JSON,
    ".csv": Kind.PORTNOTE,
    ".tsv": Kind.PORTNOTE,
    ".xml": Kind.NMAP,
}
DRAFTS: dict[Kind, Callable[[str, str | None], Document]] = {
    Kind.COMPOSE: compose.draft,
    Kind.CADDY: caddyfile.draft,
    Kind.NMAP: nmap.draft,
    Kind.PORTNOTE: portnote.draft,
}


def guess(name: str, text: str) -> Kind:
    """
    Return what a file is, by its beginning and, where that says nothing, by its name.

    >>> guess("Caddyfile", ":80 {\\n}"), guess("ports.csv", "port,service\\n80,web\\n")
    (<Kind.CADDY: 'caddy'>, <Kind.PORTNOTE: 'portnote'>)

    Raises BadFileError where neither tells.
    """
    path = PurePath(name.lower())
    beginning = text[:BEGINNING].lstrip()
    first = beginning.split("\n", 1)[0]
    tells = {
        Kind.CSV: first.lstrip('"').startswith(f"{as_csv.MARK}format={FORMAT}"),
        Kind.NMAP: first.startswith("<"),
        Kind.JSON: OBJECT.match(beginning),
        Kind.CADDY: "caddyfile" in path.name,
        Kind.YAML: OF_OURS.search(beginning),
        Kind.COMPOSE: SERVICES.search(beginning),
        Kind.PORTNOTE: HEADINGS.search(first) and any(each in first for each in DELIMITERS),
    }
    found = next((kind for kind, is_so in tells.items() if is_so), BY_SUFFIX.get(path.suffix))
    if found is None:
        raise BadFileError.at(0, "What kind of file this is can't be told: say it.")
    return found


def read(text: str, kind: Kind, *, host: str | None = None, edited: bool = False) -> Document:
    """
    Return the notes that a file has, or from which notes can be drafted.

    `host` is whose ports a file is about that names none, or whose it is about in truth.

    Raises EditedError, BadFileError.
    """
    if kind in DRAFTS:
        return DRAFTS[kind](text, host)
    return formats.load(text, Format(kind.value), edited=edited)
