"""The summary as one flat object."""

from datetime import timedelta

import pytest
import time_machine

from collector.models import Host
from tests.conftest import NOON

ADDRESS = "/api/v1/summary/flat/"


@pytest.fixture(autouse=True)
def _a_minute_past_noon():
    with time_machine.travel(NOON + timedelta(minutes=1), tick=False):
        yield


def test_it_is_flat_and_says_how_things_stand(admin_client, open_port, write_note, add_host):
    open_port(22)
    open_port(80)
    write_note(80)
    open_port(81)
    write_note(81, risk_level="suspicious")
    open_port(443, gone=True)
    write_note(443)
    Host.objects.update(last_look_at=NOON + timedelta(seconds=50))
    open_port(22, host_id="web-1")

    assert admin_client.get(ADDRESS).json() == {
        "listening": 3,
        "known": 1,
        "unknown": 1,
        "unhealthy": 1,
        "missing": 1,
        "hosts": 2,
        "hosts_silent": 1,
        "last_look": "2026-01-01T12:00:50Z",
        "last_look_seconds_ago": 10,
        "sentence": "3 ports listening: 1 you know, 1 you don't, 1 is unhealthy. "
        "1 expected port is missing. "
        "1 of 2 hosts is silent: its port is unknown since 12:00 UTC.",
    }


def test_one_host_can_be_asked_for(admin_client, open_port):
    open_port(22)
    open_port(80, host_id="web-1")
    open_port(81, host_id="web-1")

    Host.objects.update(sweep_interval=20)

    answer = admin_client.get(f"{ADDRESS}?host=web-1").json()

    assert (answer["hosts"], answer["listening"], answer["last_look_seconds_ago"]) == (1, 2, 60)


@pytest.mark.parametrize("name", ["nobody", "%3Cb%3E", "x" * 500])
def test_a_host_that_was_never_seen_is_not_found(name, admin_client, open_port):
    open_port(22)

    response = admin_client.get(f"{ADDRESS}?host={name}")

    assert response.status_code == 404
    assert "was ever seen" in response.text


@pytest.mark.parametrize("query", ["hots=web-1", "host=%00", "host=a&host=b"])
def test_a_parameter_that_makes_no_sense_is_refused_by_name(query, admin_client):
    response = admin_client.get(f"{ADDRESS}?{query}")

    assert response.status_code == 400
    assert response.json()["errors"][0]["parameter"] == query.partition("=")[0]


def test_an_empty_atlas_has_numbers_too(admin_client):
    answer = admin_client.get(ADDRESS).json()

    assert (answer["listening"], answer["hosts"], answer["last_look"]) == (0, 0, None)
    assert answer["last_look_seconds_ago"] is None
    assert answer["sentence"] == "No port is listening."


@pytest.mark.parametrize(
    ("interval", "silent"),
    [(15, 1), (20, 0), (0, 0)],
)
def test_a_host_is_silent_when_three_looks_are_missing(interval, silent, admin_client, add_host):
    add_host(sweep_interval=interval)

    assert admin_client.get(ADDRESS).json()["hosts_silent"] == silent


def test_a_clock_that_was_set_back_makes_no_negative_age(admin_client, add_host):
    add_host(last_look_at=NOON + timedelta(hours=1))

    assert admin_client.get(ADDRESS).json()["last_look_seconds_ago"] == 0


@pytest.mark.parametrize("count", [1, 3])
def test_the_number_of_statements_does_not_grow(
    count, admin_client, open_port, django_assert_num_queries
):
    for number in range(1000, 1000 + count):
        open_port(number, host_id=f"host-{number}")

    # Session, user; hosts, three counts.
    with django_assert_num_queries(6):
        admin_client.get(ADDRESS)
