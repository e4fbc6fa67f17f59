"""What tests of drafts ask of them."""

from pathlib import Path

import pytest

from notes.exchange import formats, sources
from notes.exchange.faults import BadFileError
from notes.exchange.formats import Format

DATA = Path(__file__).parents[1] / "data" / "drafts"


def read(kind, text=None, *, file="", host="atlas"):
    text = (DATA / file).read_text() if file else text
    return sources.read(text, kind, host=host)


def said(content):
    """Return (host, protocol, port, title) of each note."""
    return [(*entry.key, entry.said.get("title")) for entry in content.entries]


def note(content, port, protocol="tcp"):
    [entry] = [each for each in content.entries if each.key[1:] == (protocol, port)]
    return entry.said


def refused(kind, text, host="atlas"):
    with pytest.raises(BadFileError) as caught:
        read(kind, text, host=host)
    return caught.value.lines


def takes_or_refuses(kind, text):
    """Make a draft that can be imported, or refuse it as the doors expect."""
    try:
        found = sources.read(formats.decode(text.encode(errors="replace")), kind, host="atlas")
    except BadFileError:
        return
    again = formats.load(formats.dump(found, Format.YAML, sealed=False).decode(), Format.YAML)
    assert [entry[:2] for entry in again.entries] == [entry[:2] for entry in found.entries]
