import base64
from datetime import date

import pytest

from collector.models import PortRuntime
from tests.conftest import NOON


def test_a_port_is_its_fact_merged_with_its_note(admin_client, open_port, write_note):
    open_port(80, process_name="nginx", current_pid=7, pids=[7, 8])
    write_note(80, title="Shop", risk_level="trusted", tags=["web"])

    [port] = admin_client.get("/api/v1/ports/").json()["results"]

    assert {name: port[name] for name in ("host_id", "protocol", "port", "state", "reason")} == {
        "host_id": "atlas",
        "protocol": "tcp",
        "port": 80,
        "state": "healthy",
        "reason": "trusted, and up for an hour or more",
    }
    assert (port["process_name"], port["pids"], port["uptime_seconds"]) == ("nginx", [7, 8], 3600)
    assert (port["note"]["title"], port["note"]["tags"]) == ("Shop", ["web"])


def test_a_port_tells_what_was_found_out_about_its_owner(admin_client, open_port):
    facts = {
        "role": "proxy",
        "exe_is_deleted": True,
        "process_started_at": NOON,
        "socket_unit": "docker.socket",
        "container_name": "shop-web-1",
        "image": "shop:2",
        "compose_service": "web",
        "well_known": "http",
        "backlog": 90,
        "backlog_limit": 128,
    }
    open_port(80, **facts)

    [port] = admin_client.get("/api/v1/ports/").json()["results"]

    told = facts | {"process_started_at": "2026-01-01T12:00:00Z"}
    assert {name: port[name] for name in facts} == told
    assert (port["is_split"], port["is_crowded"]) == (False, False)


@pytest.mark.parametrize(("query", "expected"), [("true", [40000]), ("false", [22, 51820])])
def test_a_client_is_what_counts_as_one_when_read(query, expected, admin_client, open_port):
    """N37: who has stayed for an hour is a server."""
    open_port(22)
    open_port(40000, protocol="udp", is_client=True, active_since=NOON)
    open_port(51820, protocol="udp", is_client=True)

    answer = admin_client.get(f"/api/v1/ports/?ordering=port&is_client={query}").json()

    assert [port["port"] for port in answer["results"]] == expected
    assert {port["is_client"] for port in answer["results"]} == {query == "true"}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("state=unnoted", [80, 8080]),
        ("state=known&state=gone", [22, 443]),
        ("noted=true", [22]),
        ("noted=false", [80, 443, 8080]),
        ("active=false", [443]),
        ("port_range_min=80&port_range_max=443", [80, 443]),
        ("protocol=udp", []),
        ("host_id=elsewhere", []),
        ("owner=ops", [22]),
        ("search=shell", [22]),
        ("search=80", [80]),
    ],
)
def test_ports_can_be_filtered(query, expected, admin_client, open_port, write_note):
    for number in (22, 80, 8080):
        open_port(number)
    open_port(443, gone=True)
    write_note(22, title="Shell", owner="ops")

    answer = admin_client.get(f"/api/v1/ports/?ordering=port&{query}").json()

    assert [port["port"] for port in answer["results"]] == expected


@pytest.mark.parametrize(
    "query",
    ["state=fine", "port=many", "port=80.5", "protocol=icmp", "noted=perhaps", "is_client=x"],
)
def test_a_filter_with_a_wrong_value_is_refused_by_name(query, admin_client, open_port):
    open_port(80)

    answer = admin_client.get(f"/api/v1/ports/?{query}")

    [error] = answer.json()["errors"]
    assert (answer.status_code, error["parameter"]) == (400, query.partition("=")[0])


def test_a_page_has_at_most_500_ports(admin_client, add_host):
    PortRuntime.objects.bulk_create(
        PortRuntime(
            host=add_host(),
            protocol="tcp",
            port=port,
            first_seen_at=NOON,
            last_seen_at=NOON,
            active_since=NOON,
            scope="any",
            owner_state="known",
        )
        for port in range(1, 602)
    )

    answer = admin_client.get("/api/v1/ports/?limit=1000000").json()

    assert (answer["count"], len(answer["results"])) == (601, 500)


def test_ports_come_in_pages_and_in_the_order_asked_for(admin_client, open_port):
    for number in (1, 2, 3):
        open_port(number)

    answer = admin_client.get("/api/v1/ports/?ordering=-port&limit=2&offset=1").json()

    assert answer["count"] == 3
    assert [port["port"] for port in answer["results"]] == [2, 1]


def test_facts_cannot_be_written(admin_client, open_port):
    open_port(80)

    assert admin_client.post("/api/v1/ports/", {}, "application/json").status_code == 405
    assert admin_client.delete("/api/v1/ports/atlas/tcp/80/").status_code == 405


def test_the_api_takes_a_user_name_and_a_password(client, django_user_model, open_port):
    open_port(80)
    django_user_model.objects.create_superuser("admin", password="secret")
    credentials = base64.b64encode(b"admin:secret").decode()

    answer = client.get("/api/v1/ports/", headers={"authorization": f"Basic {credentials}"})

    assert answer.json()["count"] == 1


@pytest.mark.parametrize(
    ("ordering", "numbers"),
    [
        ("owner", [443, 22, 80]),
        ("-owner", [22, 443, 80]),
        ("review_by", [22, 80, 443]),
        ("-review_by", [22, 80, 443]),
        ("-last_disappeared_at,port", [22, 80, 443]),
    ],
)
def test_an_order_by_what_a_note_says_ends_with_what_says_nothing(
    ordering, numbers, admin_client, open_port, write_note
):
    for number in (80, 22, 443):
        open_port(number)
    write_note(22, owner="zoe", review_by=date(2027, 1, 1))
    write_note(443, owner="alice")

    answer = admin_client.get(f"/api/v1/ports/?ordering={ordering}").json()

    assert [port["port"] for port in answer["results"]] == numbers
