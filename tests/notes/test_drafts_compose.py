"""Notes from compose files."""

from itertools import pairwise

import pytest

from notes.exchange.drafts import draft, publishing
from notes.exchange.sources import Kind
from tests.notes.drafted import note, read, refused, said


def test_a_compose_file_says_what_it_publishes():
    found = read(Kind.COMPOSE, file="compose.yaml")

    assert [(key[1], key[2], title) for *key, title in said(found)] == [
        ("tcp", 22, "The shop"),
        ("tcp", 5432, "db"),
        ("tcp", 8080, "The shop"),
        ("tcp", 8090, "long"),
        ("tcp", 8091, "long"),
        ("tcp", 8100, "long"),
        ("tcp", 8443, "The shop"),
        ("udp", 9000, "The shop"),
        ("udp", 9001, "The shop"),
    ]


def test_a_service_says_what_it_is_by_image_and_labels():
    found = read(Kind.COMPOSE, file="compose.yaml")

    assert note(found, 8443) == {
        "title": "The shop",
        "description": (
            "Container port 443.\n\nhttps://shop.example.com\n\nService web of docker compose."
        ),
        "owner": "web",
        "tags": ["prod", "shop"],
        "expected_scope": "loopback",
    }
    assert note(found, 8090)["expected_scope"] == "private"
    assert note(found, 8090)["tags"] == ["api"]


def test_a_port_on_two_addresses_is_one_note_without_a_limit():
    """Of db and second, each on an address of its own, the first is kept."""
    found = read(Kind.COMPOSE, file="compose.yaml")

    assert note(found, 5432) == {
        "title": "db",
        "description": (
            "Container port 5432.\n\n"
            "Service db of docker compose, image docker.io/library/postgres:17."
        ),
        "owner": "ops",
        "service_type": "db",
        "tags": ["postgres"],
    }


def test_what_a_compose_file_leaves_open_is_remarked():
    found = read(Kind.COMPOSE, file="compose.yaml")

    assert [remark.partition(": ")[2] for remark in found.remarks] == [
        "long: docker chooses the port for 82 when it starts.",
        "unclear: docker chooses the port for 3000 when it starts.",
        "unclear: docker chooses the port for 3001 when it starts.",
        "unclear: PORT has no default.",
        "unclear: PORT has no default.",
        "unclear: docker chooses one of 7000-7002 for 80 when it starts.",
        "unclear: 1000-2000 are 1001 ports, 200 at most are read.",
        "unclear: sctp is no protocol that is looked at.",
        "unclear: 70000 is no port: a port is a number from 1 to 65535, a range is like 8000-8010.",
        "unclear: docker chooses the port for 80 when it starts.",
        "unclear: what is no text and no mapping publishes nothing.",
        "host is on the network of the host: its ports aren't told here.",
        "second: extends is not followed.",
        "5432/tcp on atlas is there twice, first on line 11, which is kept.",
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: 1", "line 1: This is no compose file: it has no services."),
        ("services: [1]", "line 1: This is no compose file: it has no services."),
        ("services:\n  a: 1\n  a: 2", "line 3: 'a' is said twice, on line 2 and here."),
        ("services: *x", "line 1: There is no &x before."),
        ("services: [", "line 2: This is no YAML: did not find expected node content."),
    ],
)
def test_what_is_no_compose_file_is_refused(text, why):
    assert refused(Kind.COMPOSE, text) == [why]


def test_ports_that_cant_be_are_remarked():
    found = read(Kind.COMPOSE, "services: {a: {ports: 80}, b: 1, c: {ports: []}, d: {}}")

    assert found.remarks == (
        "line 1: a: ports is no list.",
        "line 1: b is no service: it is left out.",
    )


def test_a_bomb_of_aliases_costs_no_more_than_its_text():
    """Each name is twice the one before; nothing of it is ever written out."""
    names = [f"a{number}" for number in range(60)]
    lines = ["a0: &a0 [x, x]"] + [
        f"{name}: &{name} [*{before}, *{before}]" for before, name in pairwise(names)
    ]
    text = "\n".join([*lines, "services: {s: {ports: *a59}}"])

    assert read(Kind.COMPOSE, text).entries == ()


@pytest.mark.parametrize(
    ("most", "text"),
    [
        (6, "x: &x {a: 1, b: 2}\nservices:\n  s: {<<: *x}\n  t: {<<: [*x]}\n"),
        (4, "x: &x [{}, {}]\nservices:\n  s: {<<: *x}\n  t: {<<: *x}\n"),
    ],
)
def test_what_is_merged_costs_its_names_and_one_even_if_it_is_empty(most, text, monkeypatch):
    """Else a list of empty mappings, merged again and again, takes the square of its length."""
    monkeypatch.setattr("notes.exchange.as_yaml.MOST_MERGED", most)
    assert read(Kind.COMPOSE, text).entries == ()

    monkeypatch.setattr("notes.exchange.as_yaml.MOST_MERGED", most - 1)
    assert refused(Kind.COMPOSE, text) == ["line 4: Too much is merged here."]


def test_of_what_is_merged_the_first_is_heard_and_what_is_written_out_before_it():
    text = (
        "x: &x {image: redis, ports: ['6379:6379']}\n"
        "y: &y {image: nginx, ports: ['80:80']}\n"
        "services:\n"
        "  s: {<<: [*x, *y]}\n"
        "  t: {<<: *x, ports: ['81:6379']}\n"
    )

    found = read(Kind.COMPOSE, text)

    assert [row[1:3] for row in said(found)] == [("tcp", 81), ("tcp", 6379)]


def test_more_ports_than_a_file_may_have_are_refused(monkeypatch):
    monkeypatch.setattr(draft, "MOST_NOTES", 3)
    text = "services: {s: {ports: ['1-9:1-9']}}"

    assert refused(Kind.COMPOSE, text) == ["line 1: It has more than 3 ports. Divide it."]


def test_more_services_than_a_file_may_have_are_refused(monkeypatch):
    monkeypatch.setattr(publishing, "MOST_SERVICES", 1)

    assert refused(Kind.COMPOSE, "services: {a: {}, b: {}}") == [
        "line 1: It has more than 1 services."
    ]


def test_remarks_end_somewhere():
    items = "".join("      - 80\n" for _ in range(500))

    found = read(Kind.COMPOSE, f"services:\n  s:\n    ports:\n{items}")

    assert len(found.remarks) == draft.MOST_REMARKS + 1
    assert found.remarks[-1] == "There is more to remark, which is left out."
