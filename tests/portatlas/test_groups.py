"""Cards under headings: what each heading counts, and who has none."""

import pytest
import time_machine

from tests.conftest import NOON


@pytest.fixture(autouse=True)
def _noon():
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def four(open_port, write_note):
    """Four ports on two hosts, two of them with notes, one of which speaks for both hosts."""
    open_port(22)
    open_port(22, host_id="beta", gone=True)
    open_port(80, owner_state="unknown")
    open_port(443)
    write_note(22, host_id="*", owner="bob", service_type="remote", risk_level="trusted")
    write_note(443, owner="alice", service_type="web")


def groups(response):
    return [
        (group.name, group.total, [int(card.number) for card in group.cards])
        for group in response.context["groups"]
    ]


@pytest.mark.usefixtures("four")
@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("", [("", 4, [80, 22, 443, 22])]),
        ("host", [("atlas", 3, [80, 443, 22]), ("beta", 1, [22])]),
        ("owner", [("nobody named", 1, [80]), ("alice", 1, [443]), ("bob", 2, [22, 22])]),
        ("type", [("remote access", 2, [22, 22]), ("Unknown", 1, [80]), ("Web", 1, [443])]),
        (
            "state",
            [
                ("Suspicious", 1, [80]),
                ("Ghost", 1, [22]),
                ("Known", 1, [443]),
                ("Healthy", 1, [22]),
            ],
        ),
    ],
)
def test_cards_stand_in_groups_the_most_urgent_first(by, expected, admin_client):
    assert groups(admin_client.get("/", {"group": by})) == expected


@pytest.mark.usefixtures("four")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"group": "owner", "state": "ghost"}, [("bob", 1, [22])]),
        ({"group": "owner", "host": "atlas", "q": "22"}, [("bob", 1, [22])]),
        ({"group": "type", "tag": "none"}, [("", 0, [])]),
        ({"group": "host", "state": "healthy"}, [("atlas", 1, [22])]),
        ({"group": "state", "owner": "bob"}, [("Ghost", 1, [22]), ("Healthy", 1, [22])]),
    ],
)
def test_a_group_counts_only_what_the_filters_leave(query, expected, admin_client):
    assert groups(admin_client.get("/", query)) in (expected, [])


@pytest.mark.parametrize("by", ["host", "owner", "type", "state"])
def test_a_group_counts_what_stands_on_other_pages_too(by, admin_client, open_port):
    for number in range(1, 251):
        open_port(number)

    pages = [admin_client.get("/", {"group": by, "page": page}) for page in (1, 2, 3)]

    names = {"host": "atlas", "owner": "nobody named", "type": "Unknown", "state": "Unnoted"}
    assert [(name, total, len(cards)) for page in pages for name, total, cards in groups(page)] == [
        (names[by], 250, 100),
        (names[by], 250, 100),
        (names[by], 250, 50),
    ]


@pytest.mark.parametrize("by", ["owner", "type"])
def test_a_group_counts_client_sockets_only_where_they_are_shown(by, admin_client, open_port):
    open_port(80)
    open_port(40000, protocol="udp", is_client=True, active_since=NOON)

    hidden, told = (admin_client.get("/", {"group": by, "clients": c}) for c in ("", "1"))

    assert [total for _name, total, _cards in groups(hidden)] == [1]
    assert [total for _name, total, _cards in groups(told)] == [2]


def test_a_heading_is_text_whatever_somebody_is_called(admin_client, open_port, write_note):
    open_port(80)
    write_note(80, owner="<b>x</b>")

    response = admin_client.get("/?group=owner")

    assert "&lt;b&gt;x&lt;/b&gt; <small>1</small>" in response.text
    assert "<b>x</b>" not in response.text
