"""The board: what it shows, in which order, and that its chips count just that."""

import html
import itertools
import re
from datetime import date, timedelta
from urllib.parse import parse_qsl

import pytest
import time_machine
from django.utils import timezone

from collector.models import HostEvent
from portatlas.board.lane import LONGEST
from portatlas.board.views import CARDS, MOST_TROUBLE
from portatlas.models import Port
from portatlas.states import PortState
from tests.conftest import NOON

HOUR = timedelta(hours=1)
CHOICES = ("q", "state", "host", "owner", "tag", "stale", "clients", "group")
FRAGMENT = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _noon():
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def fleet(open_port, write_note):
    """250 ports of every state on three hosts, and notes of every kind about them."""
    for number in range(1, 251):
        kind = number % 10
        fields = {"process_name": "nginx"} if number % 4 == 0 else {}
        fields |= {"owner_state": "unknown"} if kind == 1 else {}
        fields |= {"transition_4_at": NOON - HOUR / 2} if kind == 2 else {}
        fields |= {"gone": True} if kind in {3, 4} else {}
        fields |= {"active_since": NOON - HOUR / 4} if number % 3 == 0 else {}
        if kind == 5:
            fields |= {
                "protocol": "udp",
                "is_client": True,
                "active_since": NOON - HOUR / (1 if number % 20 == 5 else 2),
            }
        host_id = ("atlas", "beta", "gamma")[number % 3]
        open_port(number, host_id=host_id, **fields)
        if kind in {4, 6, 7} or number % 25 == 5:
            write_note(
                number,
                host_id="*" if number % 20 == 6 else host_id,
                protocol=fields.get("protocol", "tcp"),
                risk_level="trusted" if number % 4 else "expected",
                owner="alice" if number % 2 else "bob",
                service_type="web" if number % 6 == 0 else "unknown",
                tags=["web", "prod"] if number % 5 else ["webshop"],
                review_by=NOON.date() - timedelta(days=number % 3 - 1),
            )


def shown(client, query):
    """Return the numbers of all cards, page by page, and what the first page was made of."""
    response = client.get("/", query, headers=FRAGMENT)
    first, numbers = response.context, []
    while True:
        numbers += [
            int(card.number) for group in response.context["groups"] for card in group.cards
        ]
        if not (link := response.context["next_link"]):
            return numbers, first
        response = client.get(f"/{link}", headers=FRAGMENT)


def fits(port, query, *but):
    """Whether a port is one that a board of this address should show, but for some filters."""
    said = {name: value for name, value in query.items() if value and name not in but}
    note = port.note
    return (
        said.get("state", port.state) == port.state
        and said.get("host", port.host_id) == port.host_id
        and said.get("q", "") in port.process_name
        and ("owner" not in said or (note is not None and note.owner == said["owner"]))
        and ("tag" not in said or (note is not None and said["tag"] in note.tags))
        and ("stale" not in said or (note is not None and note.is_stale(NOON.date())))
        and ("clients" in said or "clients" in but or not port.counts_as_client)
    )


def urgency(port):
    trusted = {PortState.KNOWN: 50, PortState.HEALTHY: 60}
    rank = 60 if port.severity == 55 else trusted.get(port.state, port.severity)
    return rank, port.port


QUERIES = [
    {name: value for name, value in zip(CHOICES, values, strict=True) if value}
    for values in itertools.product(
        ("", "nginx"),
        ("", "unnoted", "flapping", "known", "ghost"),
        ("", "beta"),
        ("", "alice"),
        ("", "web"),
        ("", "1"),
        ("", "1"),
        ("", "owner"),
    )
]


@pytest.mark.usefixtures("fleet")
def test_every_filter_and_its_chip_agree_with_what_is_shown(admin_client):
    everything = list(Port.objects.for_board(NOON))
    assert {port.state for port in everything} == set(PortState)

    for query in QUERIES[::23]:  # of 640, so that each choice meets each other one
        numbers, context = shown(admin_client, query)

        expected = [port for port in everything if fits(port, query)]
        if "group" not in query:
            expected.sort(key=urgency)
            assert numbers == [port.port for port in expected], query
        assert sorted(numbers) == sorted(port.port for port in expected), query
        chips = {chip.value: chip.count for chip in context["state_chips"]}
        assert chips == {
            state: sum(fits(port, query | {"state": state}) for port in everything)
            for state in ("", *PortState.values)
        }, query
        assert context["clients"] == sum(
            port.counts_as_client and fits(port, query, "clients", "state") for port in everything
        ), query
        assert context["to_review"] == sum(
            fits(port, query | {"stale": "1"}) for port in everything
        ), query
        assert context["total"] == len(expected), query


@pytest.mark.usefixtures("fleet")
def test_pages_follow_each_other_without_a_gap(admin_client):
    numbers, context = shown(admin_client, {"clients": "1"})

    assert context["pages"] == 3
    assert len(numbers) == len(set(numbers)) == 250
    assert len(numbers[:CARDS]) == sum(len(group.cards) for group in context["groups"])


@pytest.mark.usefixtures("fleet")
def test_a_page_behind_the_last_is_the_last(admin_client):
    context = admin_client.get("/", {"page": "900", "clients": "1"}).context

    assert (context["number"], context["next_link"]) == (3, "")
    assert context["previous_link"] == "?clients=1&page=2"


def test_every_link_changes_one_choice_and_keeps_the_others(admin_client, open_port, write_note):
    open_port(80, gone=True)
    open_port(80, host_id="beta")
    open_port(81, protocol="udp", is_client=True, process_name="sshd", active_since=NOON)
    write_note(80, owner="alice", tags=["web", "x:y"], review_by=date(2025, 1, 1))
    chosen = {
        "q": "sshd",
        "state": "ghost",
        "host": "atlas",
        "owner": "alice",
        "tag": "web",
        "stale": "1",
        "clients": "1",
        "group": "host",
    }

    response = admin_client.get("/", chosen)

    links = [html.unescape(link) for link in re.findall(r'href="(\?[^"]*)"', response.text)]
    changed = []
    for link in links:
        said = dict(parse_qsl(link.removeprefix("?")))
        differing = [name for name in CHOICES if said.get(name, "") != chosen[name]]
        assert len(differing) <= 1, link
        changed += differing
    assert set(changed) == set(CHOICES) - {"q"}
    search = response.text.partition('id="search"')[2].partition("</form>")[0]
    carried = dict(re.findall(r'type="hidden" name="(\w+)" value="(\w+)"', search))
    assert carried == {name: chosen[name] for name in CHOICES if name != "q"}


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({}, "2 hosts: 3 ports listening: 1 you know, 1 you don't, 1 is unhealthy."),
        ({"host": "atlas"}, "atlas: 2 ports listening: 1 you know, 1 you don't, none is"),
        ({"host": "beta"}, "beta: 1 port listening: 0 you know, 0 you don't, 1 is unhealthy."),
        # The sentence is about hosts, whatever is searched there.
        ({"q": "zzz", "host": "beta"}, "beta: 1 port listening: 0 you know, 0 you don't, 1 is"),
    ],
)
def test_the_sentence_is_about_the_hosts_that_are_shown(
    query, sentence, admin_client, open_port, write_note
):
    open_port(1)
    open_port(2)
    write_note(1)
    open_port(3, host_id="beta", owner_state="unknown")

    text = html.unescape(re.sub(r"\s+", " ", admin_client.get("/", query).text))

    assert sentence in text


def test_a_host_that_was_never_seen_is_not_found(admin_client, add_host):
    add_host()

    assert admin_client.get("/?host=nope").status_code == 404


def test_the_hosts_with_the_most_trouble_stand_first(admin_client, open_port, add_host):
    add_host("calm")
    open_port(1, host_id="odd", owner_state="unknown")
    open_port(1, host_id="new")
    open_port(2, host_id="new")

    chips = admin_client.get("/").context["host_chips"]

    assert [(chip.host_id, chip.summary.short) for chip in chips] == [
        ("odd", "1 listening, 1 unhealthy"),
        ("new", "2 listening, 2 unknown"),
        ("calm", "0 listening"),
    ]


def test_the_chosen_host_keeps_its_chip_among_many(admin_client, open_port, add_host):
    for number in range(20):
        open_port(1, host_id=f"host-{number:02}")
    add_host("zebra")

    context = admin_client.get("/?host=zebra").context

    assert context["host_chips"][0].host_id == "zebra"
    assert len(context["host_chips"]) == 12


def test_of_many_hosts_in_trouble_the_board_tells_of_some_and_leads_to_all(admin_client, add_host):
    for number in range(MOST_TROUBLE + 3):
        add_host(f"host-{number}", verdict="failed", reason="ss is gone.")

    text = admin_client.get("/").text

    assert text.count("ss is gone.") == MOST_TROUBLE
    assert "3 more hosts have something to say" in text


def test_what_is_wrong_with_another_host_is_not_told_of_the_chosen_one(admin_client, add_host):
    add_host("atlas", owners_reason="Run it as root.")
    add_host("beta", verdict="failed", reason="ss is gone.")
    HostEvent.objects.create(host_id="beta", event_type="rebooted", timestamp=NOON)

    text = admin_client.get("/?host=atlas").text

    assert "Run it as root." in text
    assert "ss is gone." not in text
    assert "beta rebooted" not in text


def test_a_host_is_on_its_card_only_where_there_are_several(admin_client, open_port, add_host):
    open_port(80)

    alone = admin_client.get("/").text
    add_host("beta")
    beside = admin_client.get("/").text

    assert ("<dt>Host</dt>" in alone, "<dt>Host</dt>" in beside) == (False, True)


def test_the_lane_has_the_notes_of_ports_never_seen_of_a_host_and_of_all(
    admin_client, open_port, write_note
):
    open_port(80)
    write_note(80, title="Seen")
    write_note(80, host_id="*", title="Seen somewhere")
    write_note(81, title="Own")
    write_note(81, host_id="*", title="Of all")
    write_note(82, host_id="unheard", title="Elsewhere", owner="alice")

    everywhere = admin_client.get("/")
    here = admin_client.get("/?host=atlas")

    assert {note.title for note in everywhere.context["lane"].notes} == {
        "Own",
        "Of all",
        "Elsewhere",
    }
    assert {note.title for note in here.context["lane"].notes} == {"Own", "Of all"}
    for link in ("/ports/*/tcp/81/", "/ports/atlas/tcp/81/", "/ports/unheard/tcp/82/"):
        assert f'href="{link}"' in everywhere.text
        assert admin_client.get(link).status_code == 200


@pytest.mark.parametrize(
    ("query", "is_there"),
    [
        ("q=x", False),
        ("q=never", True),
        ("q=81/tcp", True),
        ("owner=x", False),
        ("owner=alice", True),
        ("tag=x", False),
        ("tag=prod", True),
        ("stale=1", False),
        ("state=gone", False),  # they are in no state
    ],
)
def test_the_lane_has_what_is_chosen(query, is_there, admin_client, write_note):
    write_note(81, title="Never seen", owner="alice", tags=["prod"])

    assert ("Never seen" in admin_client.get(f"/?{query}").text) == is_there


def test_a_lane_that_is_cut_says_so(admin_client, write_note):
    for number in range(1, LONGEST + 2):
        write_note(number)

    response = admin_client.get("/")

    assert len(response.context["lane"].notes) == LONGEST
    assert f"These are the first {LONGEST};" in response.text


def test_a_card_says_since_when_its_note_is_stale(admin_client, open_port, write_note):
    open_port(80)
    open_port(81)
    write_note(80, review_by=NOON.date() - timedelta(days=1))
    write_note(81, review_by=NOON.date())

    text = admin_client.get("/").text

    assert "To be reviewed since 2025-12-31." in text
    assert text.count("To be reviewed") == 1


def test_a_ghost_says_where_its_program_listens_now(admin_client, open_port, write_note):
    program = {"exe": "/usr/bin/shop", "process_name": "shop", "unit": "shop.service"}
    open_port(8080, gone=True, **program)
    open_port(8081, active_since=NOON - HOUR / 4, **program)
    note = write_note(8080, title="Shop", version=3)

    text = admin_client.get("/").text
    move = re.search(r'formaction="([^"]*)"\s+name="to"\s+value="([^"]*)"', text)

    assert move.groups() == ("/ports/atlas/tcp/8080/move/", "atlas/tcp/8081@3")
    admin_client.post(move[1], {"to": move[2]})
    note.refresh_from_db()
    assert note.key == ("atlas", "tcp", 8081)


def test_a_note_for_every_host_is_not_moved_after_one_ghost(admin_client, open_port, write_note):
    program = {"exe": "/usr/bin/shop", "process_name": "shop", "unit": "shop.service"}
    open_port(8080, gone=True, **program)
    open_port(8081, active_since=NOON - HOUR / 4, **program)
    write_note(8080, host_id="*")

    assert "The same program listens on" not in admin_client.get("/").text


def test_a_note_for_every_host_is_told_as_such_on_the_card(admin_client, open_port, write_note):
    open_port(22)
    write_note(22, host_id="*", title="SSH", owner="alice")

    text = admin_client.get("/").text

    assert "the one for every host" in text
    assert 'value="atlas/tcp/22@0"' in text


def test_an_empty_board_leads_to_the_first_look(admin_client):
    response = admin_client.get("/")

    assert [step.is_done for step in response.context["steps"]] == [False] * 5
    assert "No look has been taken yet" in response.text
    assert 'form="triage" formaction="/look/">Collect now</button>' in response.text
    assert "Last-Look" not in response


@pytest.mark.parametrize(
    ("risks", "done"),
    [
        ([], [True, False, False, False, False]),
        (["suspicious"], [True, True, True, False, False]),
        (["expected", "expected"], [True, True, True, True, False]),
        (["expected", "trusted"], [True] * 5),
        (["expected", "trusted", "trusted"], []),
    ],
)
def test_the_first_steps_are_ticked_off_until_there_are_notes(
    risks, done, admin_client, open_port, write_note
):
    for number, risk in enumerate(risks, start=1):
        open_port(number)
        write_note(number, risk_level=risk)
    open_port(99)

    steps = admin_client.get("/").context["steps"]

    assert [step.is_done for step in steps] == done


def test_a_host_without_ports_says_what_happens_next(admin_client, add_host):
    add_host()

    assert "Nothing has listened on this machine yet." in admin_client.get("/").text


def test_where_nothing_fits_the_way_back_is_shown(admin_client, open_port):
    open_port(80)

    text = admin_client.get("/?q=nothing").text

    assert '<a href="/">Show every port.</a>' in text


def test_clients_that_were_asked_for_can_be_hidden_again(admin_client, open_port):
    open_port(80)

    response = admin_client.get("/?clients=1")

    assert response.context["clients_link"] == "?"
    assert "Client sockets" in response.text


def test_the_fragment_is_the_live_part_alone(admin_client, open_port):
    open_port(80)

    page, fragment = admin_client.get("/"), admin_client.get("/", headers=FRAGMENT)

    assert "<html" in page.text
    assert fragment.text.strip().startswith('<div id="board"')
    assert fragment.text.strip() in page.text


def test_the_time_of_the_last_look_is_that_of_what_is_shown(admin_client, add_host):
    add_host("atlas", last_look_at=timezone.now() - timedelta(seconds=4))
    add_host("silent", last_look_at=timezone.now() - timedelta(days=3))

    told = {
        query: (
            response["Last-Look"],
            re.search(r'id="last-look"\s+datetime="([^"]*)">([^<]*)<', response.text).groups(),
        )
        for query in ("", "host=silent")
        if (response := admin_client.get(f"/?{query}"))
    }

    assert told == {
        "": ("2026-01-01T11:59:56+00:00", ("2026-01-01T11:59:56+00:00", "4 s ago")),
        "host=silent": ("2025-12-29T12:00:00+00:00", ("2025-12-29T12:00:00+00:00", "3 d ago")),
    }
