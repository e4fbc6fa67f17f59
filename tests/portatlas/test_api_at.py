"""`?at=`: the state of things at a time, asked of what real sweeps have recorded."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from collector.services import reconcile
from notes.models import PortNote
from portatlas import happenings, past, retrospect
from portatlas.api.summary import THEN
from portatlas.holders import Holder
from portatlas.models import Port
from tests.collector.sweeps import listener, sweep
from tests.conftest import NOON

pytestmark = pytest.mark.django_db

NGINX = listener(80, cookie="a", pid=100, name="nginx")
CADDY = listener(80, cookie="b", pid=200, name="caddy")
SSHD = listener(22, pid=7, name="sshd")


def hour(number):
    return NOON + timedelta(hours=number)


def look(hours, *listeners, **fields):
    """Look at the host so many hours after noon; one look is due every hour."""
    return reconcile(sweep(*listeners, **{"taken_at": hour(hours), "interval": 3600, **fields}))


@pytest.fixture
def history(time_machine):
    """A port that came at one and went at three, beside one that stayed; a gap until nine."""
    look(0, SSHD)
    look(1, SSHD, NGINX)
    look(2, SSHD, CADDY)
    look(3, SSHD)
    look(4, SSHD)
    look(9, SSHD, NGINX)
    time_machine.move_to(hour(9.5))


@pytest.fixture
def ask(client):
    """Return a function that asks about so many hours after noon."""
    client.force_login(get_user_model().objects.create_superuser("admin"))

    def ask(address, hours, more=""):
        answer = client.get(f"/api/v1/{address}?at={hour(hours):%FT%TZ}{more}")
        assert answer.status_code == 200, answer.content
        return answer.json()

    return ask


def looks(answer):
    return {port["port"]: port["then"]["look"] for port in answer["results"]}


def test_each_port_tells_what_it_was(history, ask):
    found = [looks(ask("ports/", hours)) for hours in (0.5, 1.5, 3.5, 6, 9.2)]

    assert found == [
        {22: "up", 80: "down"},
        {22: "up", 80: "up"},
        {22: "up", 80: "down"},
        {22: "unknown", 80: "unknown"},
        {22: "up", 80: "up"},
    ]


@pytest.mark.parametrize(
    ("hours", "look", "numbers"),
    [(0.5, "up", [22]), (0.5, "down", [80]), (1.5, "up", [22, 80]), (6, "unknown", [22, 80])],
)
def test_those_that_were_up_then_are_asked_for_by_look(hours, look, numbers, history, ask):
    found = ask("ports/", hours, f"&look={look}")

    assert found["count"] == len(numbers)
    assert [port["port"] for port in found["results"]] == numbers
    assert set(looks(found).values()) == {look}


def test_a_look_is_chosen_by_key_too_and_page_by_page(history, ask):
    assert looks(ask("ports/", 1.5, "&look=up&port=1-79")) == {22: "up"}
    second = ask("ports/", 1.5, "&look=up&limit=1&offset=1")
    assert (second["count"], looks(second)) == (2, {80: "up"})


@pytest.mark.parametrize(
    "query",
    [
        "at=2026-01-01T13:30:00Z&active=true",
        "at=2026-01-01T13:30:00Z&state=awake",
        "at=2026-01-01T13:30:00Z&noted=true",
        "at=2026-01-01T13:30:00Z&owner=alice",
        "at=2026-01-01T13:30:00Z&search=nginx",
        "at=2026-01-01T13:30:00Z&ordering=severity",
        "at=2026-01-01T13:30:00Z&look=awake",
        "look=up",
    ],
)
def test_what_speaks_of_today_is_refused_for_another_time(query, history, ask, client):
    answer = client.get(f"/api/v1/ports/?{query}")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["parameter"] in {
        "active",
        "state",
        "noted",
        "owner",
        "search",
        "ordering",
        "look",
    }


def test_a_port_tells_who_held_it_and_since_when(history, ask):
    found = ask("ports/atlas/tcp/80/", 2.5)

    assert (found["process_name"], found["current_pid"], found["exe"]) == (
        "caddy",
        200,
        "/usr/sbin/caddy",
    )
    assert found["current_state"] == "active"
    assert found["then"] == {
        "at": "2026-01-01T14:30:00Z",
        "look": "up",
        "since": "2026-01-01T13:00:00Z",
        "until": "2026-01-01T15:00:00Z",
        "reason": "",
    }


def test_what_cannot_be_known_of_then_is_null(history, ask, write_note):
    write_note(80)
    found = ask("ports/atlas/tcp/80/", 6)

    known = {name for name, value in found.items() if value is not None}
    assert known == {
        *("host_id", "protocol", "port", "well_known", "first_seen_at", "then"),
        *Holder._fields,  # who had it last
    }
    assert (found["process_name"], found["then"]["reason"]) == ("caddy", past.UNWATCHED)


def test_before_a_port_was_seen_nobody_held_it(history, ask):
    found = ask("ports/atlas/tcp/80/", 0.5)

    assert (found["current_state"], found["process_name"]) == ("disappeared", None)
    assert (found["state"], found["then"]["reason"]) == (None, "The port had not been seen yet.")


def test_a_page_of_then_has_the_shape_of_one_of_now(history, ask, client):
    then, now = ask("ports/", 2), client.get("/api/v1/ports/").json()

    assert [set(port) - {"then"} for port in then["results"]] == [set(p) for p in now["results"]]
    assert then["count"] == now["count"] == 2


def test_the_summary_tells_how_many_listened(history, ask):
    found = [ask("summary/", hours) for hours in (0.5, 1.5, 6)]

    assert [each["listening"] for each in found] == [1, 2, 0]
    assert [each["looks"] for each in found] == [
        {"up": 1, "down": 1, "unknown": 0},
        {"up": 2, "down": 0, "unknown": 0},
        {"up": 0, "down": 0, "unknown": 2},
    ]
    assert [host["looks"]["up"] for host in found[1]["hosts"]] == [2]


def test_the_summary_counts_what_each_port_tells(history, ask):
    for number in range(-4, 38):
        hours = number / 4

        told = list(looks(ask("ports/", hours)).values())

        counted = ask("summary/", hours)["looks"]
        assert counted == {each: told.count(each) for each in ("up", "down", "unknown")}, hours


def test_the_summary_leaves_out_the_sockets_of_clients(history, ask, open_port):
    times = dict.fromkeys(("active_since", "first_seen_at", "last_seen_at"), hour(9))
    open_port(40000, protocol="udp", is_client=True, **times)

    assert sum(ask("summary/", 9.2)["looks"].values()) == 2


@pytest.fixture
def memory(time_machine, history):
    """Notes: one of the port came at two, changed at four, moved at five and was deleted at six."""
    time_machine.move_to(hour(1.8), tick=False)
    shared = PortNote.objects.create(host_id="*", protocol="tcp", port=80, title="Any web server")
    time_machine.move_to(hour(2), tick=False)
    note = PortNote(host_id="atlas", protocol="tcp", port=80, title="Shop", tags=["prod"])
    note.save()
    time_machine.move_to(hour(3.9), tick=False)
    shared.delete()
    time_machine.move_to(hour(4), tick=False)
    note.title, note.owner, note.risk_level = "The shop", "alice", "suspicious"
    note.save()
    time_machine.move_to(hour(5), tick=False)
    note.port = 22
    note.save()
    time_machine.move_to(hour(6), tick=False)
    note.delete()
    time_machine.move_to(hour(9.5), tick=False)


def test_the_note_is_the_one_that_spoke_then(memory, ask):
    def title(hours, number):
        note = ask(f"ports/atlas/tcp/{number}/", hours)["note"]
        return note and (note["title"], note["for_every_host"])

    assert [title(hours, 80) for hours in (1.5, 1.9, 2.5, 4.5, 5.5)] == [
        None,
        ("Any web server", True),
        ("Shop", False),
        ("The shop", False),
        None,
    ]
    assert [title(hours, 22) for hours in (4.5, 5.5, 6.5)] == [None, ("The shop", False), None]


def test_a_note_says_all_that_it_said_then_and_not_what_its_history_does_not_keep(memory, ask):
    assert ask("ports/atlas/tcp/80/", 2.5)["note"] == {
        "host_id": "atlas",
        "protocol": "tcp",
        "port": 80,
        "title": "Shop",
        "description": "",
        "owner": "",
        "service_type": "unknown",
        "risk_level": "expected",
        "tags": ["prod"],
        "expected_scope": "",
        "review_by": None,
        "version": None,
        "created_at": None,
        "updated_at": "2026-01-01T14:00:00Z",
        "for_every_host": False,
    }


def test_the_state_of_then_follows_from_what_was_seen_and_noted_then(memory, ask):
    found = [ask("ports/atlas/tcp/80/", hours) for hours in (1.5, 1.9, 2.5, 3.1, 4.0, 6, 9.2)]

    assert [(each["state"], each["reason"]) for each in found] == [
        ("unnoted", "it has no note"),
        ("known", "it has a note"),
        ("known", "it has a note"),
        ("ghost", "its note expects it, but it is gone"),
        ("gone", "it disappeared, and no note expects it"),
        (None, None),
        ("unnoted", "it has no note"),
    ]
    assert found[5]["then"]["reason"] == past.UNWATCHED


def test_what_a_port_was_like_is_told_with_its_state(memory, ask):
    found = ask("ports/atlas/tcp/80/", 2.5)

    assert (found["owner_state"], found["scope"], found["is_client"]) == ("known", "any", False)


@pytest.mark.parametrize(
    ("hours", "states", "numbers"),
    [
        (1.5, ["unnoted"], [22, 80]),
        (2.5, ["unnoted"], [22]),
        (2.5, ["known"], [80]),
        (2.5, ["known", "unnoted"], [22, 80]),
        (3.1, ["ghost"], [80]),
        (6, ["unnoted", "gone"], []),
    ],
)
def test_those_that_were_in_a_state_then_are_asked_for(hours, states, numbers, memory, ask):
    found = ask("ports/", hours, "".join(f"&state={state}" for state in states))

    assert [port["port"] for port in found["results"]] == numbers
    assert found["count"] == len(numbers)
    assert {port["state"] for port in found["results"]} <= set(states)


def test_look_and_state_choose_together(memory, ask):
    assert looks(ask("ports/", 3.1, "&state=ghost&look=down")) == {80: "down"}
    assert looks(ask("ports/", 3.1, "&state=ghost&look=up")) == {}
    assert looks(ask("ports/", 2.5, "&state=known&state=unnoted&port=80")) == {80: "up"}
    assert looks(ask("ports/", 2.5, "&state=known,unnoted&port=80")) == {80: "up"}


def test_the_summary_says_how_things_stood(memory, ask):
    found = [ask("summary/", hours) for hours in (1.5, 2.5, 3.1)]

    assert [each["text"] for each in found] == [
        "2 ports listening: 0 you know, 2 you don't, none is unhealthy.",
        "2 ports listening: 1 you know, 1 you don't, none is unhealthy.",
        "1 port listening: 0 you know, 1 you don't, none is unhealthy. 1 expected port is missing.",
    ]
    numbers = ("listening", "known", "unknown", "unhealthy", "missing", "clients", "reason")
    assert [found[2][name] for name in numbers] == [1, 0, 1, 0, 1, 0, ""]
    assert [found[2]["hosts"][0][name] for name in numbers] == [1, 0, 1, 0, 1, 0, ""]
    assert {state: n for state, n in found[2]["states"].items() if n} == {"ghost": 1, "unnoted": 1}


def test_the_summary_counts_the_states_that_each_port_tells(memory, ask):
    for number in range(-4, 38):
        hours = number / 4

        told = [port["state"] for port in ask("ports/", hours)["results"]]

        counted = ask("summary/", hours)["states"]
        assert counted == {each: told.count(each) for each in counted}, hours


def test_of_a_time_when_nobody_looked_the_summary_says_that_it_knows_nothing(memory, ask):
    found = ask("summary/", 6)

    assert found["reason"] == found["hosts"][0]["reason"] == "How 2 ports stood is not known."
    assert (found["listening"], found["known"], set(found["states"].values())) == (0, 0, {0})


def test_the_example_of_a_summary_has_the_shape_of_one(memory, ask):
    found, example = ask("summary/", 3.1), THEN.value

    assert found.keys() == example.keys()
    assert [each.keys() for each in found["hosts"]] == [example["hosts"][0].keys()]
    assert found["states"].keys() == example["states"].keys()


@pytest.mark.parametrize(("bound", "most"), [("MOST_OF_ALL", 3), ("MOST_SEEN", 6)])
def test_where_too_much_happened_since_the_summary_tells_who_listened_and_why_not_more(
    bound, most, memory, ask, client, monkeypatch
):
    monkeypatch.setattr(happenings, bound, most)

    found = ask("summary/", 0.5)

    assert (found["listening"], found["looks"]["down"]) == (1, 1)
    unknown = {"text", "known", "unknown", "unhealthy", "missing", "clients", "states"}
    assert {name for name in unknown if found[name] is None} == unknown
    assert found["reason"] == found["hosts"][0]["reason"] == retrospect.TOO_MUCH
    assert looks(ask("ports/", 0.5, "&look=up")) == {22: "up"}
    refused = client.get("/api/v1/ports/?at=2026-01-01T12:30:00Z&state=unnoted")
    assert refused.json()["errors"] == [
        {"parameter": "state", "detail": retrospect.TOO_MUCH, "code": "too-much"}
    ]
    assert looks(ask("ports/", 0.5, "&state=unnoted&port=22")) == {22: "up"}


@pytest.mark.parametrize("count", [1, 3])
def test_the_number_of_queries_does_not_grow(count, ask, client, django_assert_num_queries):
    crowd = [listener(number, cookie=str(number)) for number in range(1, count + 1)]
    look(0, *crowd)
    look(5, *crowd)
    client.get("/api/v1/ports/")

    # Who asks 2; the ETag 2; the numbers and the page; the ports with their hosts; the oldest
    # event, stretches, transitions, what happened since and shortly before, the last event by
    # then, boots, notes, what somebody else held.
    with django_assert_num_queries(16):
        ask("ports/", 0)
    with django_assert_num_queries(15):
        ask("ports/atlas/tcp/1/", 0)
    # Who asks 2; the ETag 2; hosts, the oldest event, stretches, whether too much happened since,
    # what did, and shortly before, boots, notes, what somebody else held, ports.
    with django_assert_num_queries(14):
        ask("summary/", 0)
    # The same ten, and what a page is told by.
    with django_assert_num_queries(25):
        ask("ports/", 0, "&state=unnoted")


def test_a_time_that_is_still_to_come_is_refused_with_the_time_that_it_is(client, admin_user):
    client.force_login(admin_user)

    answer = client.get("/api/v1/summary/?at=2999-01-01")

    [error] = answer.json()["errors"]
    assert (answer.status_code, error["parameter"]) == (400, "at")
    assert str(timezone.now().year) in error["detail"]


def test_ports_of_no_host_have_no_past(ask):
    assert ask("ports/", 0) == {"count": 0, "next": None, "previous": None, "results": []}
    assert ask("summary/", 0)["hosts"] == []
    assert Port.objects.count() == 0


@pytest.mark.parametrize("address", ["ports/", "ports/atlas/tcp/80/", "summary/", "ports/?look=up"])
def test_the_first_of_all_times_is_one_of_which_nothing_is_known(address, history, ask, client):
    more = "&at=0001-01-01" if "?" in address else "?at=0001-01-01"

    assert client.get(f"/api/v1/{address}{more}").status_code == 200
