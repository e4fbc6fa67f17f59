"""Notes from Caddyfiles."""

import pytest

from notes.exchange.sources import Kind
from tests.notes.drafted import note, read, refused, said


def test_a_caddyfile_says_where_caddy_listens():
    found = read(Kind.CADDY, file="Caddyfile")

    assert [row[1:] for row in said(found)] == [
        ("tcp", 80, "Caddy (HTTP, which leads to HTTPS)"),
        ("tcp", 443, "Caddy (HTTPS)"),
        ("tcp", 2020, "Caddy (its own API)"),
        ("tcp", 3000, "shop.example.com"),
        ("tcp", 3010, "shop.example.com"),
        ("tcp", 3011, "shop.example.com"),
        ("tcp", 3012, "shop.example.com"),
        ("tcp", 8080, "Caddy (HTTP)"),
        ("tcp", 8443, "Caddy (HTTPS)"),
        ("tcp", 9000, "intern.example.com:8443"),
        ("udp", 443, "Caddy (HTTP/3)"),
        ("udp", 8443, "Caddy (HTTP/3)"),
    ]
    assert note(found, 8080)["expected_scope"] == "loopback"
    assert note(found, 443)["service_type"] == "proxy"
    assert note(found, 80)["description"] == (
        "Caddy serves shop.example.com, www.shop.example.com, plain.example.com, "
        "intern.example.com."
    )


def test_what_a_caddyfile_leaves_open_is_remarked():
    found = read(Kind.CADDY, file="Caddyfile")

    assert found.remarks == (
        "line 12: shop.example.com: import is not followed.",
        "line 13: shop.example.com: h2c://10.0.0.9:3001 is another machine's, or a container's.",
        "line 33: intern.example.com:8443: {$UNKNOWN} is no address that can be read.",
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.org", {("tcp", 80), ("tcp", 443), ("udp", 443)}),
        ("a.org\nreverse_proxy :3000", {("tcp", 80), ("tcp", 443), ("udp", 443), ("tcp", 3000)}),
        ("http://a.org:81 {\n}", {("tcp", 81)}),
        ("http://a.org, a.org:80 {\n}", {("tcp", 80)}),
        (":443 {\n}", {("tcp", 443), ("udp", 443)}),
        (":81 {\ntls internal\n}", {("tcp", 81), ("udp", 81)}),
        ("{\nauto_https off\n}\na.org {\n}", {("tcp", 443), ("udp", 443)}),
        (
            "{\nhttp_port 81\nhttps_port 444\n}\na.org {\n}",
            {("tcp", 81), ("tcp", 444), ("udp", 444)},
        ),
        (
            "{\nservers {\nprotocols h1 h2\n}\n}\na.org {\n}",
            {("tcp", 80), ("tcp", 443)},
        ),
        ("{$SITE:b.org:444} {\n}", {("tcp", 80), ("tcp", 444), ("udp", 444)}),
        ("[::1]:444 {\n}", {("tcp", 80), ("tcp", 444), ("udp", 444)}),
        ("a.org {\nrespond <<X\n}\nb {\n}\nX 200\n}\n", {("tcp", 80), ("tcp", 443), ("udp", 443)}),
        (
            ":81 {\nreverse_proxy localhost https://127.0.0.1 unix//x @m /p* *\n}",
            {("tcp", 80), ("tcp", 81), ("tcp", 443)},
        ),
    ],
)
def test_caddy_listens_as_its_addresses_say(text, expected):
    keys = {entry.key[1:] for entry in read(Kind.CADDY, text).entries}

    assert keys - {("tcp", 2019)} == expected


@pytest.mark.parametrize(
    ("admin", "expected"), [("", {2019}), ("admin off", set()), ("admin :2021", {2021})]
)
def test_the_api_of_caddy_is_a_port_too(admin, expected):
    found = read(Kind.CADDY, f"{{\n{admin}\n}}\nhttp://a.org {{\n}}")

    assert {entry.key[2] for entry in found.entries} - {80} == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "line 1: This is no Caddyfile: it names no site."),
        ("import *", "line 1: This is no Caddyfile: it names no site."),
        ("a.org {\n", "line 1: A block is not closed at the end of the file."),
        ("a.org {\n}\n}\n", "line 3: This brace closes nothing."),
        ("a {\n" + "b {\n" * 50, "line 40: This is nested deeper than 40 levels."),
        ("a {\nrespond <<X\nno end\n}", "line 2: The text that begins with <<X doesn't end."),
    ],
)
def test_what_is_no_caddyfile_is_refused(text, why):
    assert refused(Kind.CADDY, text) == [why]


def test_more_words_than_a_caddyfile_may_have_are_refused(monkeypatch):
    monkeypatch.setattr("notes.exchange.drafts.caddy_syntax.MOST_WORDS", 3)

    assert refused(Kind.CADDY, "a.org {\nb\n}\n") == ["line 2: It has more than 3 words."]


def test_of_a_wide_range_the_first_ports_are_read_and_the_rest_is_remarked():
    found = read(Kind.CADDY, ":81 {\nreverse_proxy localhost:3000-3299\n}\n")

    assert [row[2] for row in said(found) if row[2] >= 3000] == [*range(3000, 3200)]
    assert found.remarks == (
        "line 2: :81: localhost:3000-3299 are 300 ports, of which the first 200 are read.",
    )
