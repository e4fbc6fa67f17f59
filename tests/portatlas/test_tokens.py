"""How a form names a port, and what it does not take for one."""

import pytest

from portatlas.board import tokens


@pytest.mark.parametrize(
    "text",
    [
        "",
        "atlas",
        "atlas/tcp",
        "atlas/sctp/1",
        "atlas/tcp/0",
        "atlas/tcp/65536",
        "atlas/tcp/²",
        "atlas/tcp/1@",
        "*",
        "*/tcp/0",
        "**/tcp/1",
        "a b/tcp/1",
        "x" * 65 + "/tcp/1",
        "atlas/tcp/" + "9" * 5000,
    ],
)
def test_what_is_no_port_is_left_out(text):
    assert tokens.parse(text, or_every_host=True) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("atlas/udp/53", (("atlas", "udp", 53), 0)),
        ("atlas/tcp/80@7", (("atlas", "tcp", 80), 7)),
        ("*/tcp/80@7", (("*", "tcp", 80), 7)),
        ("every/tcp/80@7", (("every", "tcp", 80), 7)),
    ],
)
def test_a_port_is_named_with_the_version_of_its_note_that_was_read(text, found):
    assert tokens.parse(text, or_every_host=True) == found


def test_what_is_written_is_read():
    assert tokens.parse(tokens.text(("atlas", "udp", 53), 4)) == (("atlas", "udp", 53), 4)


def test_on_a_card_no_port_is_of_every_host():
    assert tokens.parse("*/tcp/80@7") is None
