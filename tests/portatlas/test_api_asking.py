"""What may be asked of the lists: every filter by its name, and no other."""

from datetime import timedelta

import pytest

from tests.conftest import NOON

LISTS = ("ports", "events", "host-events", "hosts", "coverage", "summary")
HOUR = timedelta(hours=1)


@pytest.fixture
def ports(admin_client):
    """Return a function that lists the numbers of the ports that fit a query."""

    def ports(query):
        answer = admin_client.get(f"/api/v1/ports/?ordering=port&{query}")
        assert answer.status_code == 200, answer.content
        return [port["port"] for port in answer.json()["results"]]

    return ports


def refused(client, address):
    """Return the status of an answer, and which parameters it says are wrong."""
    answer = client.get(f"/api/v1/{address}")
    return answer.status_code, [error["parameter"] for error in answer.json()["errors"]]


@pytest.mark.parametrize("where", LISTS)
def test_a_parameter_that_nobody_knows_is_refused_and_the_known_ones_are_named(
    where, admin_client, open_port
):
    open_port(80)

    answer = admin_client.get(f"/api/v1/{where}/?hots_id=atlas")

    [error] = answer.json()["errors"]
    assert (answer.status_code, error["parameter"]) == (400, "hots_id")
    assert ("at" if where == "summary" else "limit") in error["detail"]


@pytest.mark.parametrize("where", ["ports/atlas/tcp/80", "hosts/atlas"])
def test_one_row_has_no_filters(where, admin_client, open_port):
    open_port(80)

    assert refused(admin_client, f"{where}/?state=known") == (400, ["state"])


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("port=22", [22]),
        ("port=22,80,8000-8100", [22, 80, 8080]),
        ("port_range_min=80&port_range_max=443", [80, 443]),
        ("host_id=atlas", [22, 80, 443, 8080]),
        ("host_id=other&host_id=third", [53]),
        ("protocol=udp", [53]),
        ("protocol=udp&protocol=tcp", [22, 53, 80, 443, 8080]),
        ("state=unnoted&state=gone", [53, 443, 8080]),
        ("state=unnoted,%20gone", [53, 443, 8080]),
        ("active=true", [22, 53, 80, 8080]),
        ("active=false", [443]),
        ("is_client=true", []),
        ("awaited=true", []),
        ("awaited=false&port=22", [22]),
        ("scope=loopback&scope=link", [80]),
        ("owner_state=kernel", [53]),
        ("role=proxy", [80]),
        ("process_name=nginx", [80]),
        ("process_name=nginx&process_name=sshd", [22, 53, 80, 443, 8080]),
        ("exe=/usr/sbin/nginx", [80]),
        ("exe_is_deleted=true", [80]),
        ("pid=77", [80]),
        ("user=www", [80]),
        ("unit=nginx.service", [80]),
        ("socket_unit=docker.socket", [80]),
        ("container=abc", [80]),
        ("container_name=shop", [80]),
        ("image=shop:2", [80]),
        ("compose_service=web", [80]),
        ("well_known=http", [80]),
        ("noted=true", [22, 80]),
        ("for_every_host=true", [22]),
        ("for_every_host=false", [80]),
        ("owner=ops", [80]),
        ("owner=", [22]),
        ("tag=web", [80]),
        ("tag=we", []),
        ("tag=web&tag=other", [80]),
        ('tag="', []),
        ("service_type=web", [80]),
        ("risk_level=trusted&risk_level=suspicious", [80]),
        ("expected_scope=loopback", [80]),
        ("stale=true", [80]),
        ("stale=false", [22, 53, 443, 8080]),
        ("first_seen_since=2026-01-01", [8080]),
        ("first_seen_before=2026-01-01", [22, 53, 80, 443]),
        ("active_since=2026-01-01T11:30:00Z", [8080]),
        ("active_before=2026-01-01T13:30:00%2B02:00", [22, 53, 80, 443]),
        ("disappeared_since=2026-01-01T12:00", [443]),
        ("disappeared_before=2026-01-01T12:00", []),
        ("search=shop", [80]),
        ("search=8080/tcp", [8080]),
    ],
)
def test_each_filter_keeps_what_it_names(query, expected, ports, open_port, write_note):
    open_port(22)
    open_port(53, host_id="other", protocol="udp", owner_state="kernel")
    open_port(
        80,
        scope="loopback",
        role="proxy",
        process_name="nginx",
        exe="/usr/sbin/nginx",
        exe_is_deleted=True,
        current_pid=77,
        user="www",
        unit="nginx.service",
        socket_unit="docker.socket",
        container="abc",
        container_name="shop",
        image="shop:2",
        compose_service="web",
        well_known="http",
    )
    open_port(443, gone=True)
    open_port(8080, first_seen_at=NOON, active_since=NOON)
    write_note(22, host_id="*", title="Secure shell")
    write_note(
        80,
        owner="ops",
        tags=["web", "prod"],
        service_type="web",
        risk_level="trusted",
        expected_scope="loopback",
        review_by=NOON.date() - timedelta(days=1),
    )

    assert ports(query) == expected


@pytest.mark.parametrize(("query", "expected"), [("true", [80]), ("false", [22])])
def test_what_flaps_is_found_whatever_else_it_is(query, expected, ports, open_port, time_machine):
    time_machine.move_to(NOON)
    open_port(22)
    open_port(80, transition_4_at=NOON)

    assert ports(f"flapping={query}") == expected


def test_an_active_port_was_last_seen_when_its_host_was_swept(ports, add_host, open_port):
    add_host("booted", unsettled="boot", booted_at=NOON - HOUR / 2, watched_since=NOON - HOUR / 2)
    open_port(22, last_seen_at=NOON - 5 * HOUR)
    open_port(80, last_seen_at=NOON - 5 * HOUR, gone=True)
    open_port(443, host_id="booted", last_seen_at=NOON - 5 * HOUR)
    open_port(8080, host_id="booted", last_seen_at=NOON - HOUR / 4)

    since = ports("last_seen_since=2026-01-01T11:50")
    before = ports("last_seen_before=2026-01-01T11:50")

    assert (since, before) == ([22, 8080], [80, 443])
    assert ports("awaited=true") == [443]


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("port=0", "port"),
        ("port=65536", "port"),
        ("port=99999999999999999999999", "port"),
        ("port=80-22", "port"),
        ("port=80,,22", "port"),
        ("port=", "port"),
        ("port=٨٠", "port"),
        ("port=80&port=22", "port"),
        ("port_range_min=1e9999999", "port_range_min"),
        ("port_range_min=99999999999999999999999", "port_range_min"),
        ("port_range_max=-1", "port_range_max"),
        ("pid=9999999999999999999999", "pid"),
        ("state=fine", "state"),
        ("state=known,", "state"),
        ("state=", "state"),
        ("active=perhaps", "active"),
        ("active=true&active=false", "active"),
        ("first_seen_since=yesterday", "first_seen_since"),
        ("first_seen_since=0001-01-01T00:00:00%2B14:00", "first_seen_since"),
        ("last_seen_before=9999-12-31T23:59:59-14:00", "last_seen_before"),
        ("last_seen_since=2026-02-30", "last_seen_since"),
        ("limit=many", "limit"),
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=" + "9" * 501, "limit"),
        ("offset=-1", "offset"),
        ("offset=1.5", "offset"),
        ("limit=1&limit=2", "limit"),
        ("ordering=secret", "ordering"),
        ("ordering=port,password", "ordering"),
        ("ordering=--port", "ordering"),
        ("ordering=" + ",".join(["port"] * 20), "ordering"),
        ("ordering=note__title", "ordering"),
        ("search=%00", "search"),
        ("host_id=a%00b", "host_id"),
        ("owner=" + "x" * 501, "owner"),
        ("&".join(f"owner={number}" for number in range(101)), "owner"),
        ("at=tomorrow", "at"),
        ("at=2999-01-01", "at"),
        ("at=2026-01-01&at=2026-01-02", "at"),
        ("%00=1", "\x00"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(query, wrong, admin_client, open_port):
    open_port(80)

    assert refused(admin_client, f"ports/?{query}") == (400, [wrong])


def test_an_order_that_is_refused_tells_which_there_are(admin_client, db):
    [error] = admin_client.get("/api/v1/ports/?ordering=secret").json()["errors"]

    assert error["detail"].startswith("It is one of severity, host_id, protocol, port,")


@pytest.mark.parametrize(
    "address",
    [
        "ports/?port_range_min=65535&port_range_max=0",
        "ports/?offset=99999999999999999999",
        "ports/?limit=" + "9" * 500,
        "ports/?first_seen_since=9999-12-31T23:59:59Z",
        "ports/?last_seen_before=0001-01-01",
        "ports/?at=0001-01-01",
        "ports/?search=" + "x " * 200,
        "ports/?search=%F0%9F%92%A9%FF",
        "ports/?tag=%F0%9F%92%A9",
        "ports/?state=suspicious&state=flapping&state=ghost&state=unnoted&state=known",
        "events/?since=0001-01-01&until=9999-12-31T23:59:59Z",
        "events/?host_id=" + "é" * 500,
        "coverage/?since=0001-01-01&until=0001-01-01",
        "summary/?at=0001-01-01T00:00:01",
        "hosts/?looked_at_before=0001-01-01",
        "events/?cursor=0_0",
        f"host-events/?cursor={'9' * 17}_{'9' * 18}",
    ],
)
def test_what_is_extreme_but_has_a_meaning_is_answered(address, admin_client, open_port):
    open_port(80)

    assert admin_client.get(f"/api/v1/{address}").status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        "ports/atlas/tcp/22/",
        "ports/atlas/tcp/99999/",
        "ports/atlas/tcp/0/",
        "ports/atlas/icmp/80/",
        "ports/other/tcp/80/",
        "ports/atlas/tcp/999999999999999999999999/",
        "ports/a%00b/tcp/80/",
        "ports/*/tcp/80/",
        "hosts/nobody/",
        "hosts/a%00b/",
    ],
)
def test_what_is_not_there_is_not_found(address, admin_client, open_port):
    open_port(80)

    assert admin_client.get(f"/api/v1/{address}").status_code == 404


@pytest.mark.parametrize("where", [*LISTS, "ports/atlas/tcp/80", "hosts/atlas"])
def test_nobody_reads_without_a_permission(where, client, django_user_model, open_port):
    open_port(80)
    before = client.get(f"/api/v1/{where}/").status_code
    client.force_login(django_user_model.objects.create_user("guest"))

    assert (before, client.get(f"/api/v1/{where}/").status_code) == (401, 403)
