"""What happened to hosts: told on the board for a while, kept in the admin."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from collector.models import Coverage, HostEvent
from collector.services import reconcile
from collector.sweep import Endpoint, Listener, Owner, OwnerState, Protocol, Scope, Sweep, Verdict
from portatlas.hosts import all_hosts, host_views
from tests.conftest import NOON

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
WATCHED = NOON - 4 * MINUTE


@pytest.fixture
def booting(add_host):
    """A host that was first seen again four minutes before noon, five after it booted."""
    host = add_host(
        unsettled="boot",
        watched_since=WATCHED,
        watched_until=NOON,
        booted_at=NOON - 5 * MINUTE,
    )
    HostEvent.objects.create(host=host, event_type="rebooted", timestamp=WATCHED)
    return host


def news(now=NOON):
    return [line for host in host_views(all_hosts(), now) for line in host.news]


def test_a_reboot_tells_what_has_not_come_back_yet(booting, open_port):
    """N62: expected but absent after a boot is worth telling."""
    open_port(22, last_seen_at=WATCHED)
    open_port(25, last_seen_at=NOON - 10 * MINUTE)
    open_port(80, last_seen_at=NOON - 10 * MINUTE)
    open_port(81, last_seen_at=NOON - 10 * MINUTE, gone=True)
    open_port(
        40000,
        protocol="udp",
        is_client=True,
        last_seen_at=NOON - 10 * MINUTE,
        active_since=NOON - 20 * MINUTE,
    )

    assert news() == ["atlas rebooted 5 min ago; 2 ports have not come back yet."]


def test_one_port_that_is_missing_has_its_own_grammar(booting, open_port):
    open_port(25, last_seen_at=NOON - 10 * MINUTE)

    assert news() == ["atlas rebooted 5 min ago; 1 port has not come back yet."]


@time_machine.travel(NOON, tick=False)
def test_a_card_says_that_its_port_has_not_come_back(booting, open_port, admin_client):
    open_port(25, last_seen_at=NOON - 10 * MINUTE, exe_is_deleted=True)

    text = admin_client.get("/").text

    assert "Not back since the reboot" in text
    assert "restart it" not in text


def test_a_settled_reboot_is_told_for_an_hour(booting, open_port):
    open_port(25, last_seen_at=NOON - 10 * MINUTE)
    booting.unsettled = ""
    booting.save()

    assert news() == ["atlas rebooted 5 min ago."]
    assert news(NOON + timedelta(hours=1)) == []


def test_a_quiet_host_has_no_news(add_host, open_port):
    open_port(22, last_seen_at=NOON - timedelta(hours=9))

    assert news() == []


def test_of_several_events_of_a_kind_the_last_is_told(add_host):
    """N61, N63"""
    host = add_host()
    for event_type, at in (("unwatched", 30), ("unwatched", 20), ("clock_set_back", 10)):
        HostEvent.objects.create(
            host=host, event_type=event_type, timestamp=NOON - at * MINUTE, detail=f"{at} min."
        )

    assert news() == [
        "atlas, 10 min ago: clock set back. 10 min.",
        "atlas, 20 min ago: not watched for a while. 20 min.",
    ]


def test_a_host_to_which_much_happens_hides_the_news_of_no_other(add_host):
    restless, quiet = add_host("restless"), add_host("quiet")
    HostEvent.objects.create(host=quiet, event_type="surge", timestamp=NOON - 50 * MINUTE)
    HostEvent.objects.bulk_create(
        HostEvent(host=restless, event_type=kind, timestamp=NOON - 40 * MINUTE + n * SECOND)
        for n in range(300)
        for kind in ("surge", "unwatched")
    )

    assert news() == [
        "quiet, 50 min ago: many ports at once.",
        "restless, 35 min ago: not watched for a while.",
        "restless, 35 min ago: many ports at once.",
    ]


def refused(add_host, minutes):
    """Two hosts, and when: another machine claimed to be `alpha`, whose looks went on."""
    now = timezone.now()
    at = now - minutes * MINUTE
    why = "It is another machine."
    add_host("alpha", last_look_at=now, refused_at=at, refused_reason=why)
    add_host("aaa", last_look_at=now)


@pytest.mark.parametrize("address", ["/", "/?host=alpha", "/hosts/alpha/", "/hosts/"])
@pytest.mark.parametrize(("minutes", "is_told"), [(0, True), (59, True), (61, False)])
def test_a_look_that_was_refused_is_told_for_an_hour(
    minutes, is_told, address, add_host, admin_client
):
    """Not until the next look at the right machine alone, which comes within seconds."""
    refused(add_host, minutes)

    text = admin_client.get(address).text

    assert (
        f"A look at alpha was refused {ago(minutes)}: It is another machine." in text
    ) == is_told


def ago(minutes):
    return f"{minutes} min ago" if minutes else "0 s ago"


def test_a_host_of_which_a_look_was_refused_is_in_trouble(add_host, admin_client):
    refused(add_host, 30)

    response = admin_client.get("/hosts/")

    listed = response.context["page"].object_list
    assert [(each.view.host_id, each.mood[0]) for each in listed] == [
        ("alpha", "Trouble"),
        ("aaa", "Well"),
    ]
    assert "1 host is in trouble." in response.text


def test_hosts_that_booted_and_their_news_take_three_statements(
    add_host, open_port, django_assert_num_queries
):
    for number in range(3):
        host = add_host(f"host-{number}", unsettled="boot", watched_since=WATCHED)
        open_port(22, host_id=host.host_id, last_seen_at=NOON - 10 * MINUTE)
        HostEvent.objects.create(host=host, event_type="rebooted", timestamp=WATCHED)

    with django_assert_num_queries(3):
        told = news()

    assert [line.split(";")[1] for line in told] == [" 1 port has not come back yet."] * 3


def test_the_board_shows_the_news(admin_client, add_host):
    HostEvent.objects.create(
        host=add_host(), event_type="rebooted", timestamp=timezone.now(), detail="<b>"
    )

    assert "atlas rebooted 0 s ago." in admin_client.get("/").text


def test_the_admin_shows_how_far_the_open_stretch_reaches(admin_client, add_host):
    """A sweep writes the host alone."""
    host = add_host(watched_since=NOON - 60 * MINUTE, watched_until=NOON, sweeps=240)
    Coverage.objects.create(host=host, started_at=host.watched_since, ended_at=host.watched_since)

    text = admin_client.get("/admin/collector/coverage/").text

    assert '<td class="field-until nowrap">Jan. 1, 2026, noon</td>' in text
    assert '<td class="field-looks">240</td>' in text


def test_events_of_a_host_can_be_read_but_not_written(admin_client, booting):
    event = booting.events.get()

    listed = admin_client.get("/admin/collector/hostevent/")
    changed = admin_client.post(f"/admin/collector/hostevent/{event.pk}/change/", {"detail": "x"})

    assert "Rebooted" in listed.text
    assert changed.status_code == 403


@pytest.mark.django_db
def test_a_reboot_is_news_from_its_first_look_until_everything_is_back():
    """N62, with real looks: what the collector leaves open is what the board waits for."""
    ports = (22, 25, 80)
    reconcile(look(ports, "boot-1", NOON - 10 * MINUTE, uptime=9000))
    reconcile(look(ports[:1], "boot-2", NOON, uptime=30))
    waiting = news()
    reconcile(look(ports[:2], "boot-2", NOON + MINUTE, uptime=90))
    fewer = news(NOON + MINUTE)
    reconcile(look(ports, "boot-2", NOON + 2 * MINUTE, uptime=150))

    assert waiting == ["atlas rebooted 30 s ago; 2 ports have not come back yet."]
    assert fewer == ["atlas rebooted 1 min ago; 1 port has not come back yet."]
    assert news(NOON + 2 * MINUTE) == ["atlas rebooted 2 min ago."]


@pytest.mark.django_db
def test_a_gap_after_the_boot_does_not_turn_what_is_back_into_missing():
    """N61, N62: a port that just stays is not written, so its row is older than the gap."""
    reconcile(look((22, 25), "boot-1", NOON - 10 * MINUTE, uptime=9000, interval=15))
    reconcile(look((22,), "boot-2", NOON, uptime=5, interval=15))
    reconcile(look((22,), "boot-2", NOON + 2 * MINUTE, uptime=125, interval=15))

    assert news(NOON + 2 * MINUTE) == [
        "atlas rebooted 2 min ago; 1 port has not come back yet.",
        "atlas, 0 s ago: not watched for a while. Nobody had looked since 2026-01-01 12:00:00 UTC.",
    ]


def look(ports, boot_id, at, uptime, interval=60):
    """Return a look at a host on which these ports listen."""
    return Sweep(
        host_id="atlas",
        taken_at=at,
        verdict=Verdict.COMPLETE,
        boot_id=boot_id,
        booted_at=at - timedelta(seconds=uptime),
        uptime=uptime,
        interval=interval,
        listeners=tuple(
            Listener(
                Protocol.TCP,
                port,
                (Endpoint("0.0.0.0", "", Scope.ANY, 0, 128, f"{boot_id}:{port}", port),),
                Owner(OwnerState.KNOWN, (port,), "server"),
            )
            for port in ports
        ),
    )
