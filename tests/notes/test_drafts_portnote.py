"""Notes from tables of ports."""

import pytest

from notes.exchange import formats, sources
from notes.exchange.sources import Kind
from tests.notes.drafted import note, read, refused, said


def test_a_table_is_read_by_its_headings():
    found = read(Kind.PORTNOTE, file="portnote.csv", host=None)

    assert said(found) == [
        ("atlas", "tcp", 80, "Shop"),
        ("atlas", "udp", 53, "DNS"),
        ("beta", "tcp", 53, "Pi-hole"),
        ("beta", "tcp", 8000, "Range"),
        ("beta", "tcp", 8001, "Range"),
        ("beta", "udp", 53, "Pi-hole"),
    ]
    assert note(found, 80) == {
        "title": "Shop",
        "description": "two\nlines\n\nhttps://shop.example.com",
        "owner": "Zoë",
        "service_type": "web",
        "tags": ["web", "prod"],
    }


def test_what_a_table_leaves_open_is_remarked():
    found = read(Kind.PORTNOTE, file="portnote.csv", host=None)

    assert found.remarks[:4] == (
        "row 1: The column Colour is left out.",
        "row 4: service_type: nonsense is not known here: it is left out.",
        "row 6: nothing: a port is a number from 1 to 65535.",
        "row 7: 70000: a port is a number from 1 to 65535, a range is like 8000-8010.",
    )
    assert found.remarks[4].startswith("row 8: 22/tcp on my server is left out. 'host_id'")


def test_the_admins_own_table_is_one_too(admin_client, write_note):
    write_note(80, title="=Shop", owner="alice", tags=["web"], risk_level="trusted")
    text = formats.decode(admin_client.get("/admin/notes/portnote/export/").getvalue())

    found = read(sources.guess("notes.csv", text), text, host=None)

    assert said(found) == [("atlas", "tcp", 80, "=Shop")]
    assert note(found, 80) == {
        "title": "=Shop",
        "owner": "alice",
        "tags": ["web"],
        "risk_level": "trusted",
        "service_type": "unknown",
    }


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "row 1: This is no table of ports: its first row names no column “port”."),
        ("a,b\n1,2", "row 1: This is no table of ports: its first row names no column “port”."),
        ('port,name\n80,"x', "row 2: This is no CSV: unexpected end of data."),
    ],
)
def test_what_is_no_table_is_refused(text, why):
    assert refused(Kind.PORTNOTE, text) == [why]
