"""Hosts, when they were watched, and the summary of all of them."""

from datetime import timedelta

import pytest

from collector.models import Coverage
from tests.conftest import NOON

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _noon(time_machine):
    time_machine.move_to(NOON, tick=False)


@pytest.fixture
def fleet(add_host, open_port, write_note):
    """Two hosts: one with a port of each kind, one that nobody could look at."""
    add_host("atlas", watched_since=NOON - HOUR, watched_until=NOON, boot_id="b1", sweeps=240)
    add_host("ghost", verdict="failed", reason="ss is not installed.", last_sweep_at=None)
    open_port(22)
    open_port(80)
    open_port(81)
    open_port(443, gone=True)
    open_port(666, owner_state="unknown")
    open_port(40000, protocol="udp", is_client=True, active_since=NOON)
    write_note(80, risk_level="trusted")
    write_note(81)
    write_note(443)


COUNTS = {
    "listening": 4,
    "known": 2,
    "unknown": 1,
    "unhealthy": 1,
    "missing": 1,
    "silent": 0,
    "clients": 1,
    "states": {
        "suspicious": 1,
        "flapping": 0,
        "ghost": 1,
        "unnoted": 1,
        "known": 1,
        "healthy": 1,
        "gone": 0,
    },
}
NONE = {
    **dict.fromkeys(COUNTS, 0),
    "states": dict.fromkeys(COUNTS["states"], 0),
}
FAILED = "The last look at ghost is failed: ss is not installed. Nothing could be recorded yet."


def test_the_summary_says_the_sentence_of_the_board_in_numbers(admin_client, fleet):
    found = admin_client.get("/api/v1/summary/").json()

    assert found == {
        "at": None,
        "text": "4 ports listening: 2 you know, 1 you don't, 1 is unhealthy. "
        "1 expected port is missing.",
        "last_look_at": "2026-01-01T12:00:00Z",
        **COUNTS,
        "hosts": [
            {
                "host_id": "atlas",
                "last_look_at": "2026-01-01T12:00:00Z",
                "silent_since": None,
                "problems": [],
                **COUNTS,
            },
            {
                "host_id": "ghost",
                "last_look_at": "2026-01-01T12:00:00Z",
                "silent_since": None,
                "problems": [FAILED],
                **NONE,
            },
        ],
    }


def test_a_summary_of_nothing_is_empty(admin_client, db):
    found = admin_client.get("/api/v1/summary/").json()

    assert (found["listening"], found["last_look_at"], found["hosts"]) == (0, None, [])


def test_a_host_tells_how_it_is_seen_and_what_listens(admin_client, fleet):
    listed = admin_client.get("/api/v1/hosts/").json()
    one = admin_client.get("/api/v1/hosts/atlas/").json()

    assert (listed["count"], listed["results"][0]) == (2, one)
    assert {name: one[name] for name in COUNTS} == COUNTS
    assert {name: one[name] for name in ("verdict", "watched_since", "sweeps", "problems")} == {
        "verdict": "complete",
        "watched_since": "2026-01-01T11:00:00Z",
        "sweeps": 240,
        "problems": [],
    }
    assert listed["results"][1]["problems"] == [FAILED]


def test_no_host_tells_what_names_the_machine_for_good(admin_client, fleet):
    assert "machine_id" not in admin_client.get("/api/v1/hosts/atlas/").json()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["atlas", "ghost"]),
        ("ordering=-host_id", ["ghost", "atlas"]),
        ("verdict=failed&verdict=partial", ["ghost"]),
        ("host_id=atlas", ["atlas"]),
        ("owners_seen=none", []),
        ("looked_at_before=2026-01-01T12:00", []),
        ("looked_at_since=2026-01-01T12:00&limit=1&offset=1", ["ghost"]),
    ],
)
def test_hosts_can_be_filtered(query, expected, admin_client, fleet):
    found = admin_client.get(f"/api/v1/hosts/?{query}").json()

    assert [host["host_id"] for host in found["results"]] == expected


def stretch(host, start, end, **fields):
    times = {"started_at": NOON + start * HOUR, "ended_at": NOON + end * HOUR}
    return Coverage.objects.create(host=host, **times, **fields)


def test_a_stretch_that_goes_on_reaches_to_the_last_look(admin_client, add_host):
    watched = {"watched_since": NOON - 2 * HOUR, "watched_until": NOON, "sweeps": 480}
    host = add_host(boot_id="b2", **watched)
    stretch(host, -9, -3, boot_id="b1", sweeps=7, failures=1, last_failure="It was busy.")
    stretch(host, -2, -1.5, boot_id="b2")

    found = admin_client.get("/api/v1/coverage/").json()

    assert found["results"] == [
        {
            "host_id": "atlas",
            "boot_id": "b2",
            "started_at": "2026-01-01T10:00:00Z",
            "ended_at": "2026-01-01T12:00:00Z",
            "is_open": True,
            "sweeps": 480,
            "failures": 0,
            "last_failure": "",
        },
        {
            "host_id": "atlas",
            "boot_id": "b1",
            "started_at": "2026-01-01T03:00:00Z",
            "ended_at": "2026-01-01T09:00:00Z",
            "is_open": False,
            "sweeps": 7,
            "failures": 1,
            "last_failure": "It was busy.",
        },
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("since=2026-01-01T11:00", [-2]),
        ("until=2026-01-01T09:30", [-9]),
        ("since=2026-01-01T08:00&until=2026-01-01T11:00", [-2, -9]),
        ("is_open=true", [-2]),
        ("is_open=false", [-9]),
        ("host_id=other", []),
    ],
)
def test_stretches_are_found_by_the_time_into_which_they_reach(
    query, expected, admin_client, add_host
):
    host = add_host(boot_id="b2", watched_since=NOON - 2 * HOUR, watched_until=NOON)
    stretch(host, -9, -3, boot_id="b1")
    stretch(host, -2, -1.5, boot_id="b2")

    found = admin_client.get(f"/api/v1/coverage/?{query}").json()

    hours = [int(each["started_at"][11:13]) - 12 for each in found["results"]]
    assert hours == expected


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(
    ("where", "queries"),
    [
        ("hosts/", 10),  # who asks 2; the ETag 2; their number; they; all of them; the counts 3
        ("hosts/host-0/", 6),  # who asks 2; the ETag 2; it; the counts
        ("coverage/", 6),  # who asks 2; the ETag 2; their number; they
        ("summary/", 8),  # who asks 2; the ETag 2; hosts; the counts 3
    ],
)
def test_the_number_of_queries_does_not_grow(  # what is there, and what is asked
    where, queries, count, admin_client, add_host, open_port, django_assert_num_queries
):
    for number in range(count):
        open_port(80, host_id=f"host-{number}")
        stretch(add_host(f"host-{number}"), -2, -1)

    with django_assert_num_queries(queries):
        answer = admin_client.get(f"/api/v1/{where}")

    assert answer.status_code == 200
