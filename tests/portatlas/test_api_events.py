"""What happened to ports and to hosts, page by page."""

from datetime import timedelta

import pytest
from django.db.models import F

from collector.models import HostEvent, PortEvent
from tests.conftest import NOON

MINUTE = timedelta(minutes=1)


@pytest.fixture
def happen(open_port):
    """Return a function that records events of a port, so many minutes after noon."""
    ports = {}

    def happen(*minutes, port=80, host_id="atlas", **fields):
        key = host_id, port
        if key not in ports:
            ports[key] = open_port(port, host_id=host_id)
        fields = {"event_type": "appeared", **fields}
        return [
            PortEvent.objects.create(
                port_runtime=ports[key], timestamp=NOON + each * MINUTE, **fields
            )
            for each in minutes
        ]

    return happen


def walked(client, address):
    """Return the numbers of the events on each page, one page after the other."""
    pages = []
    while address:
        answer = client.get(address).json()
        pages.append([event["id"] for event in answer["results"]])
        address = answer["next"]
    return pages


def test_an_event_tells_of_its_port_what_happened_and_why(admin_client, happen):
    changes = {"process_name": ["nginx", "caddy"]}
    [event] = happen(1, event_type="rebound", cause="gap", pid=7, changes=changes)

    answer = admin_client.get("/api/v1/events/").json()

    assert answer == {
        "next": None,
        "results": [
            {
                "id": event.pk,
                "host_id": "atlas",
                "protocol": "tcp",
                "port": 80,
                "event_type": "rebound",
                "timestamp": "2026-01-01T12:01:00Z",
                "pid": 7,
                "cause": "gap",
                "changes": changes,
            }
        ],
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [5, 4, 3, 2, 1]),
        ("host_id=other", [3]),
        ("port=22,443", [5, 4]),
        ("protocol=udp", []),
        ("event_type=alive", [2]),
        ("event_type=alive&event_type=disappeared", [4, 2]),
        ("cause=boot", [5]),
        ("since=2026-01-01T12:03", [5, 4, 3]),
        ("until=2026-01-01T12:03", [2, 1]),
        ("since=2026-01-01T12:02&until=2026-01-01T12:04Z", [3, 2]),
    ],
)
def test_events_can_be_filtered(query, expected, admin_client, happen):
    happen(1)
    happen(2, event_type="alive")
    happen(3, host_id="other")
    happen(4, port=22, event_type="disappeared")
    happen(5, port=443, cause="boot")

    answer = admin_client.get(f"/api/v1/events/?{query}").json()

    minutes = [int(event["timestamp"][14:16]) for event in answer["results"]]
    assert minutes == expected


def test_a_cursor_goes_through_what_happened_at_one_time(admin_client, happen):
    """One sweep may tell of thousands of ports."""
    same = [event.pk for _ in range(5) for event in happen(1)]
    [older], [newer] = happen(0), happen(2)

    found = walked(admin_client, "/api/v1/events/?limit=2")

    assert found == [[newer.pk, same[4]], [same[3], same[2]], [same[1], same[0]], [older.pk]]


def test_what_happens_meanwhile_moves_no_event_to_another_page(admin_client, happen):
    first, second, third = happen(1, 2, 3)
    answer = admin_client.get("/api/v1/events/?limit=1").json()
    happen(4, 5)

    later = admin_client.get(answer["next"]).json()

    assert [event["id"] for event in later["results"]] == [second.pk]
    assert walked(admin_client, later["next"]) == [[first.pk]]
    assert answer["results"][0]["id"] == third.pk


def test_a_cursor_keeps_the_filters_and_microseconds(admin_client, happen):
    odd = timedelta(microseconds=123456)
    for event in happen(1, 2, 3):
        PortEvent.objects.filter(pk=event.pk).update(timestamp=F("timestamp") + odd)
    happen(4, port=22)

    found = walked(admin_client, "/api/v1/events/?limit=1&port=80")

    assert [len(page) for page in found] == [1, 1, 1]


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "1767268800000000",
        "1767268800000000_",
        "2026-01-01T12:00:00_1",
        "1767268800000000_99999999999999999999",
        "1767268800000000_-1",
        "1767268800000000_1 ",
        f"{'9' * 18}_1",
        "%00",
        "cD0yMDI2",
    ],
)
def test_what_is_no_cursor_is_refused(cursor, admin_client, happen):
    happen(1)

    answer = admin_client.get(f"/api/v1/events/?cursor={cursor}")

    assert answer.status_code == 400
    assert [error["parameter"] for error in answer.json()["errors"]] == ["cursor"]


def test_what_is_new_is_asked_for_behind_the_last_that_is_known(admin_client, happen):
    known, *_others = happen(5, 4)  # a host whose clock is behind may tell of it later
    second, third = happen(6, 3, port=22)
    happen(7)

    found = walked(admin_client, f"/api/v1/events/?after={known.pk}&limit=1&port=22")
    news = admin_client.get(f"/api/v1/events/?after={third.pk + 1}").json()

    assert found == [[second.pk], [third.pk]]
    assert news == {"next": None, "results": []}


@pytest.mark.parametrize("where", ["events", "host-events"])
@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("after=x", "after"),
        ("after=-1", "after"),
        ("after=", "after"),
        ("after=" + "9" * 501, "after"),
        ("after=1&cursor=1767268800000000_1", "cursor"),
    ],
)
def test_what_is_nothing_to_go_on_from_is_refused(where, query, named, admin_client):
    answer = admin_client.get(f"/api/v1/{where}/?{query}")

    assert answer.status_code == 400
    assert [error["parameter"] for error in answer.json()["errors"]] == [named]


def test_behind_the_highest_number_there_is_nothing(admin_client, happen):
    happen(1)

    assert admin_client.get(f"/api/v1/events/?after={'9' * 20}").json()["results"] == []


def test_a_host_tells_what_happened_to_all_its_ports(admin_client, add_host):
    host = add_host()
    for minutes, kind in enumerate(("rebooted", "unwatched", "surge")):
        HostEvent.objects.create(
            host=host, event_type=kind, timestamp=NOON + minutes * MINUTE, detail="So it was."
        )

    answer = admin_client.get("/api/v1/host-events/?event_type=surge&event_type=rebooted").json()

    assert [event["event_type"] for event in answer["results"]] == ["surge", "rebooted"]
    assert answer["results"][1] | {"id": 0} == {
        "id": 0,
        "host_id": "atlas",
        "event_type": "rebooted",
        "timestamp": "2026-01-01T12:00:00Z",
        "detail": "So it was.",
    }


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("where", ["events/", "host-events/", "events/?after=0"])
def test_the_number_of_queries_does_not_grow(
    where, count, admin_client, happen, add_host, django_assert_num_queries
):
    for number in range(count):
        happen(number, port=number + 1)
        HostEvent.objects.create(host=add_host(), event_type="surge", timestamp=NOON)

    # Who asks 2; the ETag 1; the events.
    with django_assert_num_queries(4):
        answer = admin_client.get(f"/api/v1/{where}")

    assert len(answer.json()["results"]) == count
