"""`?at=`: the state of things at a time, asked of what real sweeps have recorded."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from collector.services import reconcile
from portatlas import past
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


def test_a_look_is_chosen_by_key_and_note_too_and_page_by_page(history, ask, write_note):
    write_note(80, owner="alice")

    assert looks(ask("ports/", 1.5, "&look=up&owner=alice")) == {80: "up"}
    assert looks(ask("ports/", 1.5, "&look=up&port=1-79")) == {22: "up"}
    second = ask("ports/", 1.5, "&look=up&limit=1&offset=1")
    assert (second["count"], looks(second)) == (2, {80: "up"})


@pytest.mark.parametrize(
    "query",
    [
        "at=2026-01-01T13:30:00Z&active=true",
        "at=2026-01-01T13:30:00Z&state=ghost",
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
    write_note(80, title="Shop")
    found = ask("ports/atlas/tcp/80/", 6)

    known = {name for name, value in found.items() if value is not None}
    assert known == {
        *("host_id", "protocol", "port", "well_known", "first_seen_at", "note", "then"),
        *past.Holder._fields,  # who had it last
    }
    assert (found["process_name"], found["then"]["reason"]) == ("caddy", past.UNWATCHED)
    assert found["note"]["title"] == "Shop"


def test_before_a_port_was_seen_nobody_held_it(history, ask):
    found = ask("ports/atlas/tcp/80/", 0.5)

    assert (found["current_state"], found["process_name"]) == ("disappeared", None)
    assert found["then"]["reason"] == "The port had not been seen yet."


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
    assert [each["known"] for each in found] == [None] * 3
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


@pytest.mark.parametrize("count", [1, 3])
def test_the_number_of_queries_does_not_grow(count, ask, client, django_assert_num_queries):
    crowd = [listener(number, cookie=str(number)) for number in range(1, count + 1)]
    look(0, *crowd)
    look(5, *crowd)
    client.get("/api/v1/ports/")

    # Who asks 2; the ETag 2; the numbers and the page; the ports with their hosts; the oldest
    # event, stretches, transitions, what happened since, the last event by then, boots.
    with django_assert_num_queries(13):
        ask("ports/", 0)
    with django_assert_num_queries(12):
        ask("ports/atlas/tcp/1/", 0)
    # Who asks 2; the ETag 2; hosts, the oldest event, stretches, ports.
    with django_assert_num_queries(8):
        ask("summary/", 0)


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
