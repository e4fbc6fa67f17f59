"""The feed of changes: what it tells, that it is Atom, and what it costs."""

import html
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import pytest
import time_machine

from collector.models import HostEvent, PortEvent, PortRuntime
from collector.news import News, SocketNews
from collector.services import reconcile
from tests.collector.sweeps import listener, sweep
from tests.conftest import NOON

ADDRESS = "/changes.atom"
ATOM = "{http://www.w3.org/2005/Atom}"
MINUTE = timedelta(minutes=1)
TAKEOVER = {"process_name": ["nginx", "caddy"], "program": ["/bin/nginx", "/bin/caddy"]}


@pytest.fixture(autouse=True)
def _an_hour_past_noon():
    with time_machine.travel(NOON + timedelta(hours=1), tick=False):
        yield


def happen(port, event_type, at=NOON, **fields):
    return PortEvent.objects.create(
        port_runtime=port, event_type=event_type, timestamp=at, **fields
    )


def read(client, query=""):
    """Return the feed as XML."""
    response = client.get(f"{ADDRESS}?{query}")
    assert response.status_code == 200
    assert response["Content-Type"] == "application/atom+xml; charset=utf-8"
    return ET.fromstring(response.content)  # noqa: S314  # our own feed


def entries(feed):
    return feed.findall(f"{ATOM}entry")


def texts(feed, name="title"):
    return [entry.findtext(f"{ATOM}{name}") for entry in entries(feed)]


def test_what_appeared_vanished_and_changed_hands_is_told(admin_client, open_port, write_note):
    happen(open_port(80), "appeared", NOON)
    happen(open_port(81, gone=True), "disappeared", NOON + MINUTE)
    happen(open_port(82, process_name="caddy"), "rebound", NOON + 2 * MINUTE, changes=TAKEOVER)
    happen(open_port(83), "appeared", NOON + 3 * MINUTE, changes=TAKEOVER)
    happen(open_port(84), "rebound", NOON + 4 * MINUTE, changes={"current_pid": [1, 2]})
    happen(open_port(85), "alive", NOON + 5 * MINUTE)
    write_note(81, title="Shop")

    feed = read(admin_client)

    assert texts(feed) == [
        "83/tcp on atlas was taken over by caddy: sshd",
        "82/tcp on atlas was taken over by caddy: caddy",
        "81/tcp on atlas disappeared: Shop",
        "80/tcp on atlas appeared: sshd",
    ]
    assert texts(feed, "updated")[-1] == "2026-01-01T12:00:00+00:00"
    assert texts(feed, "summary")[1] == ("process: nginx → caddy; program: /bin/nginx → /bin/caddy")


def test_an_entry_leads_to_its_port(admin_client, open_port):
    happen(open_port(80), "appeared")

    [entry] = entries(read(admin_client))

    link = entry.find(f"{ATOM}link").attrib
    assert link == {"rel": "alternate", "href": "http://testserver/ports/atlas/tcp/80/"}
    assert admin_client.get(urlsplit(link["href"]).path).status_code == 200


def test_sockets_of_clients_are_no_news(admin_client, open_port, write_note):
    for number in (40001, 40002, 40003):
        port = open_port(number, protocol="udp", is_client=True, active_since=NOON)
        happen(port, "appeared")
    write_note(40002, protocol="udp", title="Mine")
    PortRuntime.objects.filter(port=40003).update(active_since=NOON - timedelta(hours=2))

    assert sorted(texts(read(admin_client))) == [
        "40002/udp on atlas appeared: Mine",
        "40003/udp on atlas appeared: sshd",
    ]


@pytest.mark.parametrize(("event_type", "cause"), [("rebooted", "boot"), ("unwatched", "gap")])
def test_a_reboot_or_a_gap_is_one_entry_that_sums_up(event_type, cause, admin_client, open_port):
    for number in (80, 81):
        happen(open_port(number), "appeared", cause=cause)
    happen(open_port(82), "disappeared", cause=cause)
    happen(open_port(83), "rebound", cause=cause)
    HostEvent.objects.create(
        host_id="atlas", event_type=event_type, timestamp=NOON, detail="Nobody had looked."
    )

    feed = read(admin_client)

    assert len(entries(feed)) == 1
    assert texts(feed, "summary") == ["Nobody had looked. 2 ports appeared, 1 disappeared."]
    assert entries(feed)[0].find(f"{ATOM}link").get("href") == "http://testserver/hosts/atlas/"


def test_a_first_look_is_no_news(admin_client, open_port):
    happen(open_port(80), "appeared", cause="first_sweep")

    assert texts(read(admin_client)) == []


@pytest.mark.parametrize("count", [20, 150])
@pytest.mark.django_db
def test_a_storm_is_one_entry_and_hides_nothing_else(count, admin_client):
    reconcile(sweep(listener(22)))
    reconcile(sweep(listener(22), listener(80), ticks=1))
    reconcile(sweep(listener(22), listener(80), ticks=2))
    reconcile(sweep(listener(22), *map(listener, range(1000, 1000 + count)), ticks=3))

    feed = read(admin_client)

    assert texts(feed) == ["atlas: many ports at once", "80/tcp on atlas appeared: nginx"]
    assert texts(feed, "summary")[0] == f"{count} ports appeared, 1 disappeared."


@pytest.mark.parametrize(("count", "second"), [(20, 13.5), (150, 14.5)])
@pytest.mark.django_db
def test_a_storm_of_which_the_kernel_told_each_time_is_one_entry(count, second, admin_client):
    """That of so many ports that the host tells of it lasts from one while into the next."""
    reconcile(sweep(listener(22)))
    ports = range(1000, 1000 + count)
    began = {port: NOON + timedelta(seconds=second + (port % 7) / 10) for port in ports}
    sockets = [
        SocketNews("tcp", port, "0.0.0.0", f"c{port}", 1, "nginx", at, None)  # as ss prints it
        for port, at in began.items()
    ]
    look = NOON + timedelta(seconds=15.2)

    reconcile(sweep(listener(22), *map(listener, ports), taken_at=look, news=News(tuple(sockets))))

    assert PortRuntime.objects.filter(first_seen_at__in=began.values()).count() == count
    assert texts(read(admin_client)) == ["atlas: many ports at once"]
    assert texts(read(admin_client), "summary") == [f"{count} ports appeared."]


def test_a_storm_keeps_its_name_while_it_grows(admin_client, open_port):
    for number in range(1000, 1011):
        happen(open_port(number), "appeared", NOON + timedelta(seconds=number - 1000))
    before = read(admin_client)
    happen(open_port(1011), "appeared", NOON + timedelta(seconds=14))

    feed = read(admin_client)

    assert texts(feed, "summary") == ["12 ports appeared."]
    assert texts(feed, "id") == texts(before, "id")


def test_a_port_that_comes_and_goes_leaves_room_for_the_others(admin_client, open_port):
    happen(open_port(22), "appeared", NOON)
    restless = open_port(80)
    for minute in range(1, 30):
        happen(restless, ["appeared", "disappeared"][minute % 2], NOON + minute * MINUTE)

    told = texts(read(admin_client))

    assert len(told) == 4
    assert told[-1] == "22/tcp on atlas appeared: sshd"


def test_there_are_at_most_a_hundred_entries_the_newest_first(admin_client, open_port):
    for number in range(1000, 1120):
        happen(open_port(number), "appeared", NOON + (number - 1000) * timedelta(seconds=5))

    told = texts(read(admin_client))

    assert len(told) == 100
    assert told[0].startswith("1119/tcp")


def test_what_is_older_than_thirty_days_is_left_out(admin_client, open_port):
    happen(open_port(80), "appeared", NOON - timedelta(days=30))

    assert texts(read(admin_client)) == []


def test_one_host_can_be_asked_for(admin_client, open_port):
    happen(open_port(80), "appeared")
    happen(open_port(81, host_id="web-1"), "appeared")
    HostEvent.objects.create(host_id="web-1", event_type="rebooted", timestamp=NOON - MINUTE)

    feed = read(admin_client, "host=web-1")

    assert texts(feed) == ["81/tcp on web-1 appeared: sshd", "web-1: rebooted"]
    assert feed.findtext(f"{ATOM}title") == "Port Atlas: web-1"


@pytest.mark.parametrize("host", ["nobody", "%00", "%ED%A0%80", "%3Cb%3E", "x" * 500])
def test_a_host_that_was_never_seen_is_not_found(host, admin_client, add_host):
    add_host()

    response = admin_client.get(f"{ADDRESS}?host={host}")

    assert response.status_code == 404
    assert "was ever seen" in response.text


def test_names_of_entries_outlive_the_rows_and_the_notes(admin_client, open_port, write_note):
    event = happen(open_port(80), "appeared")
    [before] = texts(read(admin_client), "id")
    PortEvent.objects.filter(pk=event.pk).update(id=event.pk + 1000)
    write_note(80, title="Another name")

    assert texts(read(admin_client), "id") == [before]
    assert before == "tag:portatlas.invalid,2026:atlas/tcp/80/appeared/2026-01-01T12:00:00.000000"


def test_it_is_what_rfc_4287_demands(admin_client, open_port):
    for number in (80, 81):
        happen(open_port(number), "appeared", NOON + number * MINUTE)
    happen(PortRuntime.objects.get(port=80), "appeared", NOON + 80 * MINUTE)
    HostEvent.objects.create(host_id="atlas", event_type="rebooted", timestamp=NOON)
    with time_machine.travel(NOON + timedelta(days=1)):
        feed = read(admin_client)

    assert feed.tag == f"{ATOM}feed"
    one_of_each = ("id", "title", "updated")
    for element in (feed, *entries(feed)):
        assert [len(element.findall(ATOM + name)) for name in one_of_each] == [1, 1, 1]
        assert datetime.fromisoformat(element.findtext(f"{ATOM}updated")).tzinfo
        links = [link.attrib for link in element.findall(f"{ATOM}link")]
        assert all(urlsplit(link["href"]).scheme == "http" for link in links)
        assert [link["rel"] for link in links].count("alternate") == 1
    assert feed.findtext(f"{ATOM}author/{ATOM}name") == "Port Atlas"
    assert [link.get("rel") for link in feed.findall(f"{ATOM}link")].count("self") == 1
    names = texts(feed, "id")
    assert len(set(names)) == len(names) == 3
    assert feed.findtext(f"{ATOM}updated") == max(texts(feed, "updated"))


def test_a_feed_without_entries_is_one_all_the_same(admin_client):
    feed = read(admin_client)

    assert (entries(feed), feed.findtext(f"{ATOM}updated")) == ([], "1970-01-01T00:00:00+00:00")


def test_hostile_names_are_text(admin_client, open_port, write_note):
    evil = "<script>alert(1)</script>]]>\x01\x1b\ufffe&amp;"
    port = open_port(80, process_name=evil)
    happen(port, "rebound", changes={"process_name": ["a", evil], "program": ["a", evil * 99]})
    write_note(80, title=evil)

    response = admin_client.get(ADDRESS)
    feed = ET.fromstring(response.content)  # noqa: S314  # our own feed

    assert "<script>" not in response.text
    assert "\ufffd" in texts(feed)[0]
    assert "<script>" not in texts(feed, "summary")[0]  # it is HTML
    assert "<script>" in html.unescape(texts(feed, "summary")[0])
    assert len(texts(feed, "summary")[0]) < 2000


def test_what_is_known_already_is_not_sent_again(admin_client, open_port, write_note):
    happen(open_port(80), "appeared")
    first = admin_client.get(ADDRESS)

    by_tag = admin_client.get(ADDRESS, headers={"if-none-match": first["ETag"]})
    of_other = admin_client.get(f"{ADDRESS}?host=atlas", headers={"if-none-match": first["ETag"]})
    write_note(80)
    after_note = admin_client.get(ADDRESS, headers={"if-none-match": first["ETag"]})

    codes = [each.status_code for each in (first, by_tag, of_other, after_note)]
    assert codes == [200, 304, 200, 200]
    # By the time what another transaction wrote before, and committed later, would stay hidden.
    assert not first.has_header("Last-Modified")
    assert (by_tag.content, by_tag["ETag"]) == (b"", first["ETag"])


def test_who_shows_nothing_is_asked_for_a_password(client, db):
    answer = client.get(ADDRESS)

    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Basic realm="api"')


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(("is_known", "queries"), [(False, 7), (True, 3)])
def test_the_number_of_statements_does_not_grow(
    is_known, queries, count, admin_client, open_port, write_note, django_assert_num_queries
):
    for number in range(1000, 1000 + count):
        happen(open_port(number, host_id=f"host-{number}"), "appeared")
        write_note(number, host_id=f"host-{number}")
        HostEvent.objects.create(
            host_id=f"host-{number}", event_type="rebooted", timestamp=NOON - MINUTE
        )
    tag = admin_client.get(ADDRESS)["ETag"] if is_known else ""

    # Session, user; what names the histories; then events of hosts and of ports, what those did
    # at these moments, ports.
    with django_assert_num_queries(queries):
        response = admin_client.get(ADDRESS, headers={"if-none-match": tag})

    assert response.status_code == (304 if is_known else 200)


@pytest.mark.django_db
def test_what_real_looks_record_is_told(admin_client):
    """The collector's own events, from a first look over a reboot and a gap to the last."""
    reconcile(sweep(listener(22), listener(80), boot_id="one"))
    reconcile(sweep(listener(22), listener(90), ticks=1, boot_id="one"))
    reconcile(sweep(listener(22), listener(91), ticks=2, boot_id="two"))
    reconcile(sweep(listener(22), listener(92), ticks=90, boot_id="two"))

    told = texts(read(admin_client))

    assert told[:2] == ["atlas: not watched for a while", "atlas: rebooted"]
    assert sorted(told[2:]) == [
        "80/tcp on atlas disappeared: nginx",
        "90/tcp on atlas appeared: nginx",
    ]


def test_the_page_of_changes_names_its_feed(admin_client, add_host):
    add_host()

    page = admin_client.get("/changes/?host=atlas").text

    assert 'type="application/atom+xml"' in page
    assert 'href="/changes.atom?host=atlas"' in page
