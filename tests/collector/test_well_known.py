"""Names that a machine's own /etc/services has for ports, and files that are none."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import well_known
from collector.sweep import Protocol

TCP, UDP = Protocol


@pytest.fixture
def services(tmp_path, monkeypatch):
    """Return a function that puts these bytes in the place of /etc/services."""
    path = tmp_path / "services"
    monkeypatch.setattr(well_known, "PATH", str(path))
    yield path.write_bytes
    well_known._names.cache_clear()


def test_names_aliases_comments_and_garbage_are_told_apart(services):
    services(
        b"# ssh 21/tcp\n"
        b"ssh\t\t22/tcp\t\t\t# secure shell 23/tcp\n"
        b"  domain 53/udp nameserver 54/udp\r\n"
        b"http 80/tcp www # www 81/tcp\n"
        b"web 80/tcp\n"
        b"#\n\nno-port\nno-protocol 90\nempty 91/\n/tcp 92\n"
        b"zero 0/tcp\nhigh 65536/tcp\nlong 000080/tcp\nsuper \xb2/tcp\nsctp 93/sctp\n-1 -1/tcp\n"
        b"last 65535/tcp"
    )

    assert well_known._names(well_known.PATH) == {
        (TCP, 22): "ssh",
        (UDP, 53): "domain",
        (TCP, 80): "http",
        (TCP, 65535): "last",
    }


def test_a_port_goes_by_its_protocol(services):
    services(b"quic 443/udp\n")

    assert (well_known.name(UDP, 443), well_known.name(TCP, 443)) == ("quic", "")


def test_the_file_is_read_once(services):
    services(b"ssh 22/tcp\n")
    first = well_known.name(TCP, 22)
    services(b"other 22/tcp\n")

    assert {well_known.name(TCP, 22) for _ in range(10_000)} == {first} == {"ssh"}
    assert well_known._names.cache_info().misses == 1


def test_hostile_names_are_bounded_and_printable(services):
    services(b"\x1b[31m\xff 1/tcp\n" + b"x" * 5000 + b" 2/tcp\n")

    assert well_known.name(TCP, 1) == "\\x1b[31m\\xff"
    assert len(well_known.name(TCP, 2)) == 64


def test_no_more_than_a_mebibyte_is_read_and_half_a_line_is_not(services):
    line = b"a 12345/tcp\n"
    services(line + b"#" * (well_known.LIMIT - 2 * len(line)) + b"\nb 23456/tcp\n")

    assert (well_known.name(TCP, 12345), well_known.name(TCP, 2345)) == ("a", "")
    assert well_known.name(TCP, 23456) == ""


def test_without_the_file_no_port_has_a_name(services):
    assert well_known.name(TCP, 22) == ""


def test_a_pipe_in_its_place_is_not_waited_for(services):
    os.mkfifo(well_known.PATH)

    assert well_known.name(TCP, 22) == ""


@given(content=st.binary(max_size=200))
def test_no_content_raises(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "services"
    path.write_bytes(content)
    well_known._names.cache_clear()

    names = well_known._names(str(path))

    assert all(1 <= port <= 65535 and name.isprintable() for (_, port), name in names.items())
