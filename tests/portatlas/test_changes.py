"""What changed since a moment: the page, what it leaves out, and what it costs."""

import html
import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from collector.models import PortEvent
from collector.services import reconcile
from portatlas.board import changes
from portatlas.board.changes import changes_since
from portatlas.board.net import Kind
from portatlas.board.since import Since
from tests.collector.sweeps import TICK, listener, sweep
from tests.conftest import NOON

HOUR = timedelta(hours=1)
YESTERDAY = NOON - 24 * HOUR
TAKEOVER = {"process_name": ["nginx", "caddy"], "program": ["/bin/nginx", "/bin/caddy"]}


def happen(port, event_type, at=NOON - HOUR, **fields):
    return PortEvent.objects.create(
        port_runtime=port, event_type=event_type, timestamp=at, **fields
    )


def told(found):
    """Return what is shown, by kind."""
    return {section.kind: [line.port.port for line in section.lines] for section in found.sections}


def text_of(response):
    return " ".join(html.unescape(re.sub("<[^>]+>", " ", response.text)).split())


def test_each_kind_has_its_section(open_port):
    happen(open_port(1), "appeared")
    happen(open_port(2, gone=True), "disappeared")
    happen(open_port(3), "rebound", changes=TAKEOVER)
    happen(open_port(4), "rebound", changes={"current_pid": [1, 2]})
    brief = open_port(5, gone=True)
    happen(brief, "appeared")
    happen(brief, "disappeared")
    happen(open_port(6), "appeared", cause="first_sweep")
    happen(open_port(7), "rebound", changes={"scope": ["loopback", "any"]})

    assert told(changes_since(YESTERDAY, NOON)) == {
        Kind.APPEARED: [1],
        Kind.VANISHED: [2],
        Kind.OWNER: [3],
        Kind.REACH: [7],
        Kind.RESTARTED: [4],
        Kind.BRIEF: [5],
        Kind.FIRST_SEEN: [6],
    }


def test_what_is_older_or_merely_alive_is_no_change(open_port):
    happen(open_port(1), "appeared", YESTERDAY)
    happen(open_port(2), "alive")

    assert told(changes_since(YESTERDAY, NOON)) == {}


def test_one_host_can_be_asked_for(open_port):
    happen(open_port(1), "appeared")
    happen(open_port(2, host_id="web-1"), "appeared")

    assert told(changes_since(YESTERDAY, NOON, "web-1")) == {Kind.APPEARED: [2]}


def test_client_sockets_are_counted_and_left_out(open_port, write_note):
    for number in (40001, 40002, 40003):
        port = open_port(number, protocol="udp", is_client=True, active_since=NOON)
        happen(port, "appeared")
    write_note(40003, protocol="udp")

    found = changes_since(YESTERDAY, NOON)

    assert (told(found), found.clients) == ({Kind.APPEARED: [40003]}, 2)


def test_a_section_shows_the_newest_and_says_how_many_there_are(open_port, monkeypatch):
    monkeypatch.setattr(changes, "LINES", 2)
    for number in (1, 2, 3):
        happen(open_port(number), "appeared", NOON - HOUR + number * TICK)

    (section,) = changes_since(YESTERDAY, NOON).sections

    assert ([line.port.port for line in section.lines], section.total) == ([3, 2], 3)


def test_more_events_than_can_be_read_move_the_moment(open_port, monkeypatch):
    """What is told is right for the moment it is told of."""
    monkeypatch.setattr(changes, "EVENTS", 3)
    port = open_port(80)
    for minutes, event_type in ((4, "appeared"), (3, "disappeared"), (2, "appeared")):
        happen(port, event_type, NOON - minutes * timedelta(minutes=1))
    happen(open_port(81), "appeared", NOON)

    found = changes_since(YESTERDAY, NOON)

    assert (found.is_cut, found.moment) == (True, NOON - timedelta(minutes=4))
    assert told(found) == {Kind.APPEARED: [81], Kind.RESTARTED: [80]}


def test_one_moment_with_more_events_than_can_be_read_is_told_in_part(open_port, monkeypatch):
    monkeypatch.setattr(changes, "EVENTS", 2)
    for number in (1, 2, 3):
        happen(open_port(number), "appeared", NOON)

    assert len(told(changes_since(YESTERDAY, NOON))[Kind.APPEARED]) == 2


@pytest.mark.django_db
def test_what_real_looks_record_is_told():
    """The collector's own events, from a first look to the last."""
    stays, goes = listener(22), listener(80)
    reconcile(sweep(stays, goes, listener(81, name="nginx")))
    reconcile(
        sweep(stays, listener(81, name="caddy", cookie="new", pid=200), listener(90), ticks=1)
    )

    found = changes_since(NOON, NOON + TICK)

    assert told(found) == {Kind.APPEARED: [90], Kind.VANISHED: [80], Kind.OWNER: [81]}
    assert [line.owner for section in found.sections for line in section.lines if line.owner] == [
        "nginx → caddy"
    ]


@pytest.mark.parametrize(("count", "host"), [(1, ""), (3, ""), (3, "other-1000")])
def test_the_number_of_statements_does_not_grow(
    count, host, admin_client, open_port, django_assert_num_queries
):
    for number in range(1000, 1000 + count):
        for port in (open_port(number), open_port(number, host_id=f"other-{number}")):
            happen(port, "appeared", timezone.now())
            happen(port, "rebound", timezone.now(), changes=TAKEOVER)

    # Session, user, hosts, events, clients, ports.
    with django_assert_num_queries(6):
        response = admin_client.get("/changes/", {"host": host})

    assert response.status_code == 200


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="it reads the plan of SQLite")
@pytest.mark.django_db
@pytest.mark.parametrize("host", ["", "atlas"])
def test_events_are_read_by_their_time(host, open_port):
    happen(open_port(80), "appeared")

    with CaptureQueriesContext(
        connection,
    ) as statements:
        changes_since(YESTERDAY, NOON, host)
    (sql,) = [
        each["sql"]
        for each in statements
        if "collector_event" in each["sql"] or 'FROM "collector_portevent"' in each["sql"]
    ]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        plan = " ".join(row[-1] for row in cursor.fetchall())

    assert "INDEX collector_event_" in plan
    assert "SCAN" not in plan


def test_the_page_tells_what_changed(admin_client, open_port, write_note):
    write_note(80, title="Shop")
    happen(open_port(80), "rebound", timezone.now(), changes=TAKEOVER, cause="gap")
    happen(open_port(81, process_name="node"), "appeared", timezone.now())

    text = text_of(admin_client.get("/changes/"))

    assert "1 port appeared, 1 changed owner since" in text
    assert "80/tcp Shop nginx → caddy Known" in text
    assert "seen after a gap, so it may have happened earlier" in text
    assert "81/tcp node Unnoted" in text


def test_hosts_are_named_where_there_are_several(admin_client, open_port):
    happen(open_port(80), "appeared", timezone.now())
    happen(open_port(81, host_id="web-1"), "appeared", timezone.now())

    assert "81/tcp sshd web-1 Unnoted" in text_of(admin_client.get("/changes/"))
    assert "81/tcp sshd Unnoted" in text_of(admin_client.get("/changes/", {"host": "web-1"}))


def test_nothing_says_so_and_what_to_do(admin_client, add_host):
    add_host()

    text = text_of(admin_client.get("/changes/"))

    assert "No port appeared, vanished or changed hands since" in text
    assert "Look back 30 d." in text


def test_before_the_first_look_there_is_nothing_to_compare(admin_client):
    text = text_of(admin_client.get("/changes/"))

    assert "Nothing was looked at yet" in text
    assert "No look has been taken yet." in text
    assert "Nothing changed" not in text


def test_before_the_first_complete_look_it_is_not_said_that_nothing_changed(admin_client, add_host):
    add_host(last_sweep_at=None, verdict="failed")

    text = text_of(admin_client.get("/changes/"))

    assert "No look was complete yet" in text
    assert "See what the looks came up against." in text
    assert "Nothing changed" not in text


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"since": "yesterday"}, "That is no time that can be read"),
        ({"since": "2026-02-30T12:00"}, "That is no time that can be read"),
        ({"since": "0001-01-01T00:00+14:00"}, "That is no time that can be read"),
        ({"since": "\x00"}, "That is no time that can be read"),
        ({"since": "9999-12-31"}, "That time has not come yet."),
        ({"host": "<b>x"}, "No host called “<b>x” was ever seen. What is shown is of all hosts."),
        ({"host": "\x00"}, "No host called “\\x00” was ever seen."),
    ],
)
def test_a_question_that_makes_no_sense_is_answered_in_words(query, words, admin_client, add_host):
    add_host()

    response = admin_client.get("/changes/", query)

    assert response.status_code == 200
    assert words in html.unescape(response.text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("", YESTERDAY),
        ("1h", NOON - HOUR),
        ("7d", NOON - 7 * 24 * HOUR),
        ("2025-12-31", NOON - 36 * HOUR),
        ("2025-12-31T12:00", YESTERDAY),
        ("2025-12-31T13:00:00+01:00", YESTERDAY),
        (" 2025-12-31T12:00:00Z ", YESTERDAY),
    ],
)
def test_a_time_is_read_as_utc_unless_it_says_otherwise(text, moment):
    assert Since.parse(text, NOON) == Since(
        moment, text if text in {"1h", "7d"} else ("" if text else "24h")
    )


def test_the_page_says_that_a_host_was_not_watched(admin_client, add_host):
    add_host()

    assert "atlas has never been looked at completely." in text_of(admin_client.get("/changes/"))


def test_hostile_names_stay_text(admin_client, open_port):
    evil = "<script>alert(1)</script>"
    port = open_port(80, process_name=evil)
    happen(port, "rebound", timezone.now(), changes={"program": [evil, evil * 2]})

    assert "<script>alert" not in admin_client.get("/changes/").text


@pytest.mark.parametrize("address", ["/changes/", "/changes/?host=a&with=b"])
def test_who_may_not_see_ports_sees_no_changes(address, client, django_user_model):
    client.force_login(django_user_model.objects.create_user("guest"))

    assert client.get(address).status_code == 403
