"""What differs between two hosts."""

import html
import re
from datetime import timedelta

import pytest

from portatlas.board import difference as module
from portatlas.board.difference import Listening, difference, differences
from tests.conftest import NOON


def listening(**fields):
    told = {
        "pk": 1,
        "host_id": "a",
        "protocol": "tcp",
        "port": 80,
        "process_name": "nginx",
        "exe": "/usr/sbin/nginx",
        "image": "",
        "scope": "any",
    }
    return Listening(**told | fields)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({}, ()),
        ({"exe": "/opt/nginx"}, ()),
        ({"process_name": "caddy", "exe": "/bin/caddy"}, ("process: nginx / caddy",)),
        ({"exe": "/opt/openresty"}, ("program: nginx / openresty",)),
        ({"scope": "loopback"}, ("reach: everywhere / this machine only",)),
        ({"process_name": "", "exe": ""}, ()),
    ],
)
def test_a_port_of_two_hosts_differs_by_what_is_known_of_both(other, words):
    assert differences(listening(), listening(host_id="b", **other)) == words


def test_containers_differ_by_their_image():
    one, other = (listening(process_name="docker-proxy", image=f"web:{n}") for n in (1, 2))

    assert differences(one, other) == ("image: web:1 / web:2",)


def test_each_port_is_told_once(open_port):
    for host in ("a", "b"):
        open_port(22, host_id=host)
        open_port(443, host_id=host, process_name={"a": "nginx", "b": "caddy"}[host])
        open_port(444, host_id=host, owner_state="not_permitted", process_name="")
    open_port(80, host_id="a")
    open_port(81, host_id="b")
    open_port(82, host_id="b", gone=True)
    open_port(83, host_id="c")
    open_port(40000, host_id="b", protocol="udp", is_client=True, active_since=NOON)

    found = difference("a", "b", NOON)

    assert [[port.port for port in side.ports] for side in found.sides] == [[80], [81]]
    assert [pair.one.port for pair in found.unlike] == [443]
    assert (found.alike, found.unheld) == (2, 1)


def test_what_a_reboot_has_not_brought_back_does_not_listen(add_host, open_port):
    add_host("b", unsettled="boot", booted_at=NOON, watched_since=NOON)
    open_port(22, host_id="a")
    open_port(22, host_id="b", last_seen_at=NOON - timedelta(minutes=9))

    sides = difference("a", "b", NOON).sides

    assert [[port.port for port in side.ports] for side in sides] == [[22], []]


def test_a_list_is_cut_and_says_how_long_it_is(open_port, add_host, monkeypatch):
    monkeypatch.setattr(module, "LINES", 2)
    add_host("b")
    for number in (1, 2, 3):
        open_port(number, host_id="a")

    side, _ = difference("a", "b", NOON).sides

    assert ([port.port for port in side.ports], side.total) == ([1, 2], 3)


@pytest.mark.parametrize("count", [1, 3])
def test_the_number_of_statements_does_not_grow(
    count, admin_client, open_port, django_assert_num_queries
):
    for number in range(1000, 1000 + count):
        open_port(number, host_id="a")
        open_port(number, host_id="b", process_name="caddy")
        open_port(number + 100, host_id="a")

    # Session, user, hosts, what listens, its ports.
    with django_assert_num_queries(5):
        response = admin_client.get("/changes/", {"host": "a", "with": "b"})

    assert response.status_code == 200


def words(response):
    return " ".join(html.unescape(re.sub("<[^>]+>", " ", response.text)).split())


def test_the_page_tells_all_three(admin_client, open_port):
    open_port(80, host_id="a", process_name="nginx")
    open_port(443, host_id="a", process_name="nginx")
    open_port(443, host_id="b", process_name="caddy")

    text = words(admin_client.get("/changes/", {"host": "a", "with": "b"}))

    assert "1 port on a only, 0 on b only, 1 on both but not alike, 0 alike." in text
    assert "Nothing listens on b that does not on the other." in text
    assert "443/tcp nginx a caddy b process: nginx / caddy" in text


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"host": "a", "with": "a"}, "That is the same host twice: choose two different ones."),
        ({"host": "a", "with": "x"}, "No host called “x” was ever seen."),
        ({"host": "<b>", "with": "\x00"}, "No host called “\\x00” was ever seen."),
        ({"host": "a", "with": ""}, "Choose two hosts to see"),
        ({"host": "", "with": ""}, "Choose two hosts to see"),
    ],
)
def test_a_comparison_that_makes_no_sense_is_answered_in_words(query, told, admin_client, add_host):
    add_host("a")
    add_host("b")

    response = admin_client.get("/changes/", query)

    assert response.status_code == 200
    assert told in words(response)


def test_one_host_alone_can_not_be_compared(admin_client, add_host):
    add_host("a")

    text = words(admin_client.get("/changes/?with="))

    assert "Two hosts are needed to compare, and 1 is known." in text


def test_hostile_names_stay_text(admin_client, open_port):
    open_port(80, host_id="a", process_name="<script>alert(1)</script>")
    open_port(80, host_id="b", process_name="<img src=x>")

    text = admin_client.get("/changes/", {"host": "a", "with": "b"}).text

    assert "<script>alert" not in text
    assert "<img src=x" not in text
