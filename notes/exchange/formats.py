"""The formats of a document: bytes in, bytes out."""

from enum import StrEnum

from notes.exchange import as_csv, as_json, as_yaml, document
from notes.exchange.document import Document
from notes.exchange.faults import BadFileError
from notes.exchange.table import BOM

MOST_BYTES = 32 * 1024 * 1024


class Format(StrEnum):
    YAML = "yaml"
    JSON = "json"
    CSV = "csv"

    @property
    def content_type(self) -> str:
        return {
            Format.YAML: "application/yaml",
            Format.JSON: "application/json",
            Format.CSV: "text/csv; charset=utf-8",
        }[self]


READERS = {Format.YAML: as_yaml.read, Format.JSON: as_json.read, Format.CSV: as_csv.read}
WRITERS = {Format.YAML: as_yaml.write, Format.JSON: as_json.write, Format.CSV: as_csv.write}


def decode(data: bytes) -> str:
    """
    Return the text of a file, without its byte order mark.

    Raises BadFileError for more than `MOST_BYTES`, for what is not UTF-8, and for NUL.
    """
    if len(data) > MOST_BYTES:
        raise BadFileError.at(0, f"It has more than {MOST_BYTES // 1024**2} MiB. Divide it.")
    try:
        text = data.decode()
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise BadFileError.at(line, "This is no UTF-8. Save it as UTF-8.") from exc
    if "\x00" in text:
        line = text.count("\n", 0, text.index("\x00")) + 1
        raise BadFileError.at(line, "A text can't have the character NUL.")
    return text.removeprefix(BOM)


def load(text: str, form: Format, *, edited: bool = False) -> Document:
    """
    Return the document that a text is. `edited`: whether it was, since it was written.

    Raises EditedError, BadFileError.
    """
    root = READERS[form](text)
    return document.read(root, edited=edited, unit="row" if form is Format.CSV else "line")


def dump(content: Document, form: Format, *, sealed: bool = True) -> bytes:
    """Return a document as a file; `sealed` with its checksum, by which an edited one is told."""
    return WRITERS[form](_members(content, form, sealed=sealed)).encode()


def _members(content: Document, form: Format, *, sealed: bool) -> dict:
    said = document.members(content, sealed=sealed)
    if form is Format.YAML:
        for note in said["notes"]:
            if "tags" in note:
                note["tags"] = as_yaml.Row(note["tags"])
    return said
