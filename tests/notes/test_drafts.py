"""Notes drafted from what other programs keep: what they have in common."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from notes.exchange import document, formats, sources
from notes.exchange.faults import BadFileError
from notes.exchange.formats import Format
from notes.exchange.sources import DRAFTS, Kind
from tests.notes.drafted import DATA, read, refused, takes_or_refuses


def test_whose_file_it_is_must_be_said():
    for kind, text in [
        (Kind.COMPOSE, "services: {}"),
        (Kind.CADDY, "a.org"),
        (Kind.PORTNOTE, "port"),
    ]:
        assert "name it." in refused(kind, text, host=None)[0]


@pytest.mark.parametrize("form", [Format.YAML, Format.JSON])
@pytest.mark.parametrize(
    ("kind", "file"),
    [
        (Kind.COMPOSE, "compose.yaml"),
        (Kind.CADDY, "Caddyfile"),
        (Kind.NMAP, "nmap-7.93.xml"),
        (Kind.PORTNOTE, "portnote.csv"),
    ],
)
def test_a_draft_is_a_file_that_can_be_imported(form, kind, file):
    found = read(kind, file=file, host=None if kind in {Kind.NMAP, Kind.PORTNOTE} else "atlas")

    text = formats.dump(found, form, sealed=False).decode()

    again = formats.load(text, form)
    assert [entry[:2] for entry in again.entries] == [entry[:2] for entry in found.entries]
    assert again.remarks == found.remarks
    assert "checksum" not in text


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("x", f"format: {document.FORMAT}\n", Kind.YAML),
        ("x", f'{{\n "format": "{document.FORMAT}"}}', Kind.JSON),
        ("x", f"# format={document.FORMAT} version=1\n", Kind.CSV),
        ("x", f'"# format={document.FORMAT} version=1";;\n', Kind.CSV),
        ("x", "version: '3'\nservices:\n  a: {}\n", Kind.COMPOSE),
        ("Caddyfile", "a.org {\n}\n", Kind.CADDY),
        ("Caddyfile.prod", "{\n}\n", Kind.CADDY),
        ("x", "<?xml", Kind.NMAP),
        ("x", "Service;Port\n", Kind.PORTNOTE),
        ("x.yml", "", Kind.YAML),
        ("x.csv", "a,b", Kind.PORTNOTE),
    ],
)
def test_what_a_file_is_is_guessed(name, text, kind):
    assert sources.guess(name, text) is kind


def test_what_cant_be_guessed_is_asked_for():
    with pytest.raises(BadFileError, match="say it"):
        sources.guess("notes.txt", "hello")


@pytest.mark.parametrize("kind", DRAFTS)
@given(text=st.text(max_size=200))
def test_no_text_does_any_harm(kind, text):
    takes_or_refuses(kind, text)


@pytest.mark.parametrize(
    ("kind", "file"),
    [
        (Kind.COMPOSE, "compose.yaml"),
        (Kind.CADDY, "Caddyfile"),
        (Kind.NMAP, "nmap-7.93.xml"),
        (Kind.PORTNOTE, "portnote.csv"),
    ],
)
@given(cut=st.integers(0, 2000), more=st.integers(0, 30), put=st.text(max_size=9))
def test_no_damage_does_any_harm(kind, file, cut, more, put):
    whole = (DATA / file).read_text()

    takes_or_refuses(kind, whole[:cut] + put + whole[cut + more :])


WORDS = """{ } , : " ` <<X X # @ * / import reverse_proxy to bind a.org :80 http:// 1-9 {$A:1} {$B}
[::1] http_port 00000199999999999"""
words = st.sampled_from([*WORDS.split(), "\n", "\\"])


@given(st.lists(words, max_size=30).map(" ".join))
def test_no_caddyfile_does_any_harm(text):
    takes_or_refuses(Kind.CADDY, text)
    takes_or_refuses(Kind.CADDY, text.replace(" ", ""))


items = st.recursive(
    st.sampled_from(
        [None, True, 80, 1.5, "80:80", "1-9:1-9", "$", "${A:-1}:${", "::", "/udp", "x:\x85", ""]
    )
    | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["target", "published", "host_ip", "protocol", "labels", "ports", "image"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=9,
)


@given(items)
def test_no_compose_file_does_any_harm(item):
    service = item if isinstance(item, dict) else {"ports": item, "labels": item, "image": item}

    takes_or_refuses(Kind.COMPOSE, yaml.safe_dump({"services": {"s": service}}))
