"""Silent hosts: what their ports do is unknown, wherever it is told."""

import json
import re
from datetime import timedelta

import pytest
import time_machine
from django.core.management import call_command

from collector.models import Host
from portatlas.overview import Overview
from portatlas.silence import silent_since
from portatlas.tally import tally
from tests.conftest import NOON

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
LATER = NOON + 6 * MINUTE


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(LATER, tick=False) as clock:
        yield clock


def words(response):
    return " ".join(re.sub("<[^>]+>", " ", response.text).replace("&#x27;", "'").split())


@pytest.fixture
def fleet(add_host, open_port, write_note):
    """Three hosts, of which `beta` was last seen three minutes past noon."""
    seen = {"alpha": LATER, "beta": NOON + 3 * MINUTE, "gamma": LATER}
    for name, at in seen.items():
        add_host(name, last_look_at=at, last_sweep_at=at, watched_since=NOON, watched_until=at)
        write_note(22, host_id=name, risk_level="trusted")
        open_port(22, host_id=name)
        open_port(80, host_id=name)
    open_port(443, host_id="beta", gone=True)


@pytest.mark.parametrize(
    ("fields", "after", "expected"),
    [
        ({}, 45 * SECOND, None),
        ({}, 46 * SECOND, NOON),
        ({"sweep_interval": 60}, 3 * MINUTE, None),
        ({"sweep_interval": 0}, 9 * MINUTE, None),
        # Looks came, but none that could be believed.
        ({"watched_until": NOON - MINUTE}, timedelta(), NOON - MINUTE),
        ({"last_look_at": NOON + MINUTE}, timedelta(), None),
    ],
    ids=["due", "missed", "slow", "unplanned", "failing", "clock set back"],
)
def test_a_host_is_silent_once_three_looks_are_missing(fields, after, expected, add_host):
    host = add_host(**fields)

    assert silent_since(host, NOON + after) == expected


def sentence(*hosts):
    return str(Overview.of(hosts, tally(LATER, hosts), LATER))


@pytest.mark.parametrize(
    ("silent", "expected"),
    [
        ([], "3 ports listening: 0 you know, 3 you don't, none is unhealthy."),
        (
            ["b"],
            (
                "2 ports listening: 0 you know, 2 you don't, none is unhealthy. "
                "1 of 3 hosts is silent: its port is unknown since 12:01 UTC."
            ),
        ),
        (
            ["a", "b"],
            (
                "1 port listening: 0 you know, 1 you don't, none is unhealthy. "
                "2 of 3 hosts are silent: their 2 ports are unknown, the first since 12:00 UTC."
            ),
        ),
        (
            ["a", "b", "c"],
            "All 3 hosts are silent: their 3 ports are unknown, the first since 12:00 UTC.",
        ),
    ],
)
def test_the_sentence_counts_silent_hosts_apart(silent, expected, add_host, open_port):
    for number, name in enumerate("abc"):
        last = NOON + number * MINUTE if name in silent else LATER
        open_port(22, host_id=add_host(name, last_look_at=last).host_id)

    assert sentence(*Host.objects.all()) == expected


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        (0, "It is silent, and what listens there is unknown since 2025-12-31 12:00 UTC."),
        (1, "It is silent, and its port is unknown since 2025-12-31 12:00 UTC."),
        (2, "It is silent, and its 2 ports are unknown since 2025-12-31 12:00 UTC."),
    ],
)
def test_of_a_single_host_that_is_silent_nothing_else_is_said(ports, expected, add_host, open_port):
    host = add_host(last_look_at=NOON - timedelta(days=1))
    for number in range(ports):
        open_port(1000 + number)

    assert sentence(host) == expected


def test_a_card_says_since_when_its_port_is_unknown_and_what_it_was(admin_client, fleet):
    cards = [words for words in admin_client.get("/?q=22").text.split("<li ") if "tcp/22" in words]
    [card] = [card for card in cards if "/beta/" in card]

    text = " ".join(re.sub("<[^>]+>", " ", card).split())
    assert '<span class="state state--unknown">Unknown</span>' in card
    assert "Unknown since 12:03 UTC. Last known as healthy : trusted, and up" in text
    assert [card.split('"')[1] for card in cards] == [
        "card card--healthy",
        "card card--unknown",
        "card card--healthy",
    ]


def test_the_board_counts_them_apart_and_keeps_its_order(admin_client, fleet):
    response = admin_client.get("/")

    text = words(response)
    assert (
        "3 hosts: 4 ports listening: 2 you know, 2 you don't, none is unhealthy. "
        "1 of 3 hosts is silent: its 2 ports are unknown since 12:03 UTC." in text
    )
    assert "beta silent, 2 ports unknown, seen 3 min ago" in text
    numbers = re.findall(r'href="/ports/(\w+)/tcp/(\d+)/"', response.text)
    assert numbers == [
        *[(host, "80") for host in ("alpha", "beta", "gamma")],
        *[(host, "22") for host in ("alpha", "beta", "gamma")],
        ("beta", "443"),
    ]


def test_the_page_of_a_port_says_it(admin_client, fleet):
    text = words(admin_client.get("/ports/beta/tcp/22/"))

    assert "Unknown Since 12:03 UTC nobody has seen beta ." in text
    assert "Last known as Healthy Trusted, and up for an hour or more." in text
    assert "Now unknown since 12:03 UTC" in text


def test_the_neighbours_of_a_port_say_it(admin_client, fleet):
    text = words(admin_client.get("/ports/alpha/tcp/22/"))

    assert "22/tcp on beta Reason 22 Unknown" in text
    assert "22/tcp on gamma Reason 22 Healthy" in text


@pytest.mark.parametrize("address", ["/admin/portatlas/port/?q=22", "/admin/notes/portnote/"])
def test_the_lists_of_the_admin_say_it(address, admin_client, fleet):
    text = words(admin_client.get(address))

    assert text.count("Unknown since 12:03 UTC, was Healthy") == 1


def test_the_page_of_a_host_and_the_list_say_it(admin_client, fleet):
    one, listed = words(admin_client.get("/hosts/beta/")), words(admin_client.get("/hosts/"))

    said = "It is silent, and its 2 ports are unknown since 12:03 UTC."
    assert f"beta: {said}" in one
    assert f"beta Silent {said}" in listed
    assert "1 of 3 hosts is silent: its 2 ports are unknown since 12:03 UTC." in listed


def test_the_api_says_it_of_ports(admin_client, fleet):
    listed = admin_client.get("/api/v1/ports/?port=22").json()["results"]
    every = admin_client.get("/api/v1/ports/").json()["results"]
    one = admin_client.get("/api/v1/ports/beta/tcp/22/").json()
    gone = admin_client.get("/api/v1/ports/beta/tcp/443/").json()

    told = {each["host_id"]: (each["look"], each["unknown_since"]) for each in listed}
    since = "2026-01-01T12:03:00Z"
    assert told == {
        "alpha": ("up", None),
        "beta": ("unknown", since),
        "gamma": ("up", None),
    }
    assert {each["host_id"]: each["look"] for each in every}["beta"] == "unknown"
    assert (one["look"], one["unknown_since"], one["state"]) == ("unknown", since, "healthy")
    assert (gone["look"], gone["state"]) == ("unknown", "gone")


def test_what_is_gone_from_a_host_that_is_seen_is_down(admin_client, add_host, open_port):
    add_host(last_look_at=LATER)
    open_port(443, gone=True)

    assert admin_client.get("/api/v1/ports/atlas/tcp/443/").json()["look"] == "down"


def test_the_api_says_it_of_hosts_and_in_the_summary(admin_client, fleet):
    beta = admin_client.get("/api/v1/hosts/beta/").json()
    summary = admin_client.get("/api/v1/summary/").json()

    told = ("silent_since", "listening", "silent")
    assert [beta[name] for name in told] == ["2026-01-01T12:03:00Z", 0, 2]
    assert beta["states"]["healthy"] == 1
    assert (summary["listening"], summary["silent"]) == (4, 2)
    assert [each["silent_since"] for each in summary["hosts"]] == [
        None,
        "2026-01-01T12:03:00Z",
        None,
    ]


def test_an_answer_of_the_api_is_another_once_a_host_is_silent(admin_client, add_host, clock):
    add_host(last_look_at=LATER)
    etag = admin_client.get("/api/v1/ports/")["ETag"]

    clock.shift(45 * SECOND)
    due = admin_client.get("/api/v1/ports/", headers={"If-None-Match": etag})
    clock.shift(SECOND)
    missed = admin_client.get("/api/v1/ports/", headers={"If-None-Match": etag})

    assert (due.status_code, missed.status_code) == (304, 200)


def printed(capsys, *arguments):
    call_command("ports", *arguments)
    return capsys.readouterr().out


def test_the_command_line_says_it(fleet, capsys):
    listed = printed(capsys, "--host", "beta")
    shown = printed(capsys, "show", "beta:22")
    machine = json.loads(printed(capsys, "--json", "--host", "beta"))
    one = json.loads(printed(capsys, "show", "beta:22", "--json"))

    assert listed.startswith("beta: It is silent, and its 2 ports are unknown since 12:03 UTC.")
    assert re.search(r"^… unknown +22/tcp .* healthy 3 min ago", listed, re.MULTILINE)
    assert "… unknown  since 12:03 UTC, last known as ✓ healthy: trusted" in shown
    assert {each["look"] for each in [*machine, *one]} == {"unknown"}
