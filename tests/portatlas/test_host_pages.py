"""The list of hosts and the page of one host."""

import html
import re
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.utils import timezone

from collector.models import Coverage, HostEvent
from portatlas.board.fleet import fleet
from tests.conftest import NOON

HOUR = timedelta(hours=1)
DAY = 24 * HOUR


def words(response):
    return " ".join(html.unescape(re.sub("<[^>]+>", " ", response.text)).split())


def names(found):
    return [each.view.host_id for each in found]


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(
    ("address", "queries"),
    [
        # Session, user, hosts, three counts.
        ("/hosts/", 6),
        ("/hosts/?q=atlas", 6),
        # Session, user, host, counts, events, coverage, transients.
        ("/hosts/atlas/", 7),
    ],
)
def test_query_count_does_not_grow(
    address, queries, count, admin_client, open_port, write_note, django_assert_num_queries
):
    for number in range(1000, 1000 + count):
        host = open_port(number).host
        open_port(number, host_id=f"other-{number}")
        write_note(number)
        for at in (timezone.now(), timezone.now() - DAY):
            Coverage.objects.create(host=host, started_at=at, ended_at=at)
            HostEvent.objects.create(host=host, event_type="rebooted", timestamp=at)

    with django_assert_num_queries(queries):
        response = admin_client.get(address)

    assert response.status_code == 200


def test_hosts_in_trouble_stand_first_then_those_to_explain_then_by_name(
    add_host, open_port, write_note
):
    for name in ("b-well", "a-well"):
        open_port(22, host_id=name)
        write_note(22, host_id=name)
    open_port(22, host_id="one-unknown")
    open_port(22, host_id="two-unknown")
    open_port(23, host_id="two-unknown")
    open_port(22, host_id="unhealthy", owner_state="unknown")
    open_port(22, host_id="missing", gone=True)
    write_note(22, host_id="missing")
    add_host("failed", verdict="failed", reason="ss gave no answer.")

    found = fleet(NOON)

    assert names(found) == [
        "failed",
        "missing",
        "unhealthy",
        "two-unknown",
        "one-unknown",
        "a-well",
        "b-well",
    ]


def test_owners_that_nobody_may_see_are_a_blind_spot_but_no_trouble(add_host):
    add_host(owners_seen="some", owners_reason="Run it as root.")

    (found,) = fleet(NOON)

    assert (found.is_troubled, found.view.problems) == (False, ("atlas: Run it as root.",))


def test_client_sockets_do_not_count(open_port):
    open_port(40000, protocol="udp", is_client=True, active_since=NOON)

    (found,) = fleet(NOON)

    assert found.summary.seen.listening == 0


@time_machine.travel(NOON, tick=False)
def test_a_host_is_listed_with_its_sentence_and_its_blind_spots(admin_client, open_port, add_host):
    add_host("web-1", verdict="failed", reason="ss gave no answer.")
    open_port(22, host_id="web-1")
    open_port(22, host_id="web-2")

    text = words(admin_client.get("/hosts/"))

    assert "2 hosts: 2 ports listening: 0 you know, 2 you don't, none is unhealthy." in text
    assert "web-1 Trouble 1 port listening: 0 you know, 1 you don't, none is unhealthy." in text
    assert "The last look at web-1 is failed: ss gave no answer." in text


def test_hosts_are_found_by_a_part_of_their_name(admin_client, add_host):
    for name in ("web-1", "web-2", "db-1"):
        add_host(name)

    response = admin_client.get("/hosts/", {"q": "WEB"})

    assert names(response.context["page"].object_list) == ["web-1", "web-2"]


@pytest.mark.parametrize("query", ["mail", "%", "\x00x", "x" * 500])
def test_a_name_that_no_host_has_says_so(query, admin_client, add_host):
    add_host("web-1")

    text = words(admin_client.get("/hosts/", {"q": query}))

    assert "No host's name contains" in text


def test_a_fleet_is_listed_a_hundred_at_a_time(admin_client, add_host):
    for number in range(101):
        add_host(f"web-{number:03}")

    response = admin_client.get("/hosts/", {"page": "2", "q": "web"})

    assert len(response.context["page"].object_list) == 1
    assert 'href="?q=web&amp;page=1" rel="prev"' in response.text


def test_before_the_first_look_the_list_says_what_happens(admin_client):
    assert "No look has been taken yet." in words(admin_client.get("/hosts/"))


def test_a_host_has_its_facts_and_what_limits_them(admin_client, add_host):
    add_host(
        machine_id="0123456789abcdef0123456789abcdef",
        booted_at=NOON - 3 * DAY,
        uptime=3 * 86400,
        source="ss",
        tool_version="iproute2-6.1.0",
        duration=0.0123,
        verdict="partial",
        reason="2 rows could not be read.",
        owners_seen="none",
        owners_reason="The owners of 3 of 3 ports can't be seen: run the collector as root.",
    )

    text = words(admin_client.get("/hosts/atlas/"))

    for fact in (
        "0123456789ab…",
        "Uptime 3 d at the last look",
        "ss iproute2-6.1.0",
        "took 12 ms",
        "a look every 15 s",
        "Partial. Some of it could not be read. Such a look may add ports; it removes none.",
        "The last look at atlas is partial: 2 rows could not be read.",
        "What to do Run “python3 manage.py collect” on the host and read what it says.",
        "Who holds a port could be seen for none.",
        "atlas: The owners of 3 of 3 ports can't be seen: run the collector as root.",
    ):
        assert fact in text


@pytest.mark.parametrize("name", ["nope", "Atlas", "atlas:2"])
def test_an_unknown_host_is_not_found_in_words(name, admin_client, add_host):
    add_host()

    response = admin_client.get(f"/hosts/{name}/")

    assert response.status_code == 404
    assert f"No host called {name} was ever seen." in response.text


def test_a_silent_host_says_since_when(admin_client, add_host):
    silent = NOON - 2 * HOUR
    host = add_host(watched_since=NOON - 3 * HOUR, watched_until=silent, last_look_at=silent)
    Coverage.objects.create(host=host, started_at=NOON - 3 * HOUR, ended_at=silent)

    text = words(admin_client.get("/hosts/atlas/"))

    assert "Nobody has looked at atlas for" in text
    assert "from 2026-01-01 10:00:00. Nobody has looked since." in text


def test_a_host_tells_what_happened_to_it(admin_client, add_host):
    host = add_host()
    HostEvent.objects.create(
        host=host, event_type="rebooted", timestamp=NOON, detail="<b>Up</b> since then."
    )

    response = admin_client.get("/hosts/atlas/")

    assert "2026-01-01 12:00:00 Rebooted <b>Up</b> since then." in words(response)
    assert "<b>Up</b>" not in response.text


def test_a_reboot_tells_what_has_not_come_back(admin_client, add_host, open_port):
    now = timezone.now()
    add_host(unsettled="boot", booted_at=now, watched_since=now, last_look_at=now)
    open_port(22)

    text = words(admin_client.get("/hosts/atlas/"))

    assert "atlas rebooted 0 s ago; 1 port has not come back yet." in text


def test_the_coverage_has_a_text_alternative(admin_client, add_host):
    Coverage.objects.create(host=add_host(), started_at=NOON - HOUR, ended_at=NOON)

    text = admin_client.get("/hosts/atlas/").text

    assert re.search(r'role="img"\s+aria-label="Watched ', text)


def test_a_viewer_sees_a_host_but_no_way_into_the_admin(client, django_user_model, add_host):
    viewer = django_user_model.objects.create_user("viewer")
    viewer.user_permissions.set(
        Permission.objects.filter(codename__in=["view_port", "view_portnote"])
    )
    client.force_login(viewer)
    add_host()

    text = client.get("/hosts/atlas/").text

    assert "Its ports" in text
    assert "/admin/" not in text


def test_the_links_of_a_host_lead_somewhere(admin_client, open_port):
    open_port(22, host_id="web-1.example.org:a_b")

    text = admin_client.get("/hosts/web-1.example.org:a_b/").text
    links = {html.unescape(each) for each in re.findall(r'<a class="chip"\s+href="([^"]+)"', text)}

    assert len(links) == 6
    assert {admin_client.get(each).status_code for each in links} == {200}


@pytest.mark.parametrize("address", ["/hosts/", "/hosts/atlas/"])
def test_who_may_not_see_ports_sees_no_hosts(address, client, django_user_model, add_host):
    add_host()
    client.force_login(django_user_model.objects.create_user("guest"))

    response = client.get(address)

    assert response.status_code == 403
    assert "complete" not in response.text
