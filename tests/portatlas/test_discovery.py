"""Ports as targets for Prometheus: which, how they are told, and what a real one makes of it."""

import json
import subprocess

import pytest
import time_machine
from django.utils import timezone

from portatlas.discovery import listing
from portatlas.tokens.services import make
from tests.conftest import NOON
from tests.tools import require

ADDRESS = "/api/v1/discovery/prometheus/"


def targets(client, query=""):
    """Return the targets, without their labels."""
    response = client.get(f"{ADDRESS}?{query}")
    assert (response.status_code, response["Content-Type"]) == (200, "application/json")
    return [target for group in response.json() for target in group["targets"]]


def test_a_target_has_every_fact_as_a_label(admin_client, open_port, write_note):
    open_port(
        9100,
        process_name="node_exporter",
        user="prometheus",
        unit="node-exporter.service",
        container="0123456789abcdef",
        image="node:1",
        compose_service="exporter",
        well_known="jetdirect",
    )
    write_note(
        9100,
        title="Node exporter",
        owner="ops",
        service_type="monitoring",
        risk_level="expected",
        tags=["monitored", "prod"],
    )

    [group] = admin_client.get(ADDRESS).json()

    assert group["targets"] == ["atlas:9100"]
    assert {name.removeprefix("__meta_portatlas_"): v for name, v in group["labels"].items()} == {
        "host": "atlas",
        "port": "9100",
        "protocol": "tcp",
        "state": "known",
        "scope": "any",
        "addresses": ",0.0.0.0,",
        "process": "node_exporter",
        "user": "prometheus",
        "unit": "node-exporter.service",
        "container": "0123456789ab",
        "image": "node:1",
        "compose_service": "exporter",
        "well_known": "jetdirect",
        "title": "Node exporter",
        "owner": "ops",
        "service_type": "monitoring",
        "risk": "expected",
        "tags": ",monitored,prod,",
    }


@pytest.fixture
def some_ports(open_port, write_note):
    """Ports of every kind that the usual filter tells apart."""
    open_port(1)
    open_port(2)
    write_note(2, risk_level="trusted", tags=["web"])
    open_port(3, scope="loopback")
    write_note(3)
    open_port(4, protocol="udp")
    write_note(4, protocol="udp")
    open_port(5, gone=True)
    write_note(5)
    open_port(6)
    write_note(6, risk_level="suspicious")
    open_port(7, host_id="fe80::7", scope="private")
    write_note(7, host_id="*", owner="alice")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["atlas:2", "[fe80::7]:7"]),
        ("state=unnoted", ["atlas:1"]),
        ("state=known&state=healthy&state=ghost", ["atlas:2", "atlas:5", "[fe80::7]:7"]),
        ("scope=loopback", ["atlas:3"]),
        ("protocol=udp", ["atlas:4"]),
        ("host_id=atlas", ["atlas:2"]),
        ("owner=alice", ["[fe80::7]:7"]),
        ("search=web", ["atlas:2"]),
        ("host_id=nobody", []),
    ],
)
def test_what_is_known_and_can_be_reached_is_a_target(query, expected, admin_client, some_ports):
    assert targets(admin_client, query) == expected


@pytest.mark.parametrize("query", ["state=fine", "protocol=icmp", "port=many", "colour=red"])
def test_a_filter_with_a_wrong_value_is_refused(query, admin_client, some_ports):
    assert admin_client.get(f"{ADDRESS}?{query}").status_code == 400


@pytest.mark.parametrize(
    "query", ["search=%00", "owner=%00", "host_id=%F0%9F%92%A9%27%22", "x=%00"]
)
def test_odd_questions_get_an_answer_and_never_a_failure(query, admin_client, some_ports):
    assert admin_client.get(f"{ADDRESS}?{query}").status_code in {200, 400}


def test_more_than_can_be_told_at_once_are_refused_in_words(admin_client, some_ports, monkeypatch):
    monkeypatch.setattr(listing, "MOST", 1)

    response = admin_client.get(ADDRESS)

    assert response.status_code == 400
    assert "More than 1 ports fit" in response.text


@pytest.mark.parametrize("address", [ADDRESS, "/api/v1/discovery/ansible/"])
@pytest.mark.parametrize("count", [1, 3])
def test_the_number_of_statements_does_not_grow(
    address, count, admin_client, open_port, write_note, django_assert_num_queries
):
    for number in range(1000, 1000 + count):
        open_port(number, host_id=f"host-{number}")
        write_note(number, host_id=f"host-{number}", owner="ops", tags=["web"])

    # Session, user; last events and hosts, which the ETag is made of; ports.
    with django_assert_num_queries(5):
        response = admin_client.get(address)

    assert f"host-{999 + count}" in response.text


@pytest.mark.parametrize("address", [ADDRESS, "/api/v1/discovery/ansible/"])
def test_what_is_known_already_is_not_sent_again(address, admin_client, some_ports, write_note):
    with time_machine.travel(NOON, tick=False):
        first = admin_client.get(address)
        again = admin_client.get(address, headers={"if-none-match": first["ETag"]})
        write_note(80, title="Another")
        later = admin_client.get(address, headers={"if-none-match": first["ETag"]})

    assert [each.status_code for each in (first, again, later)] == [200, 304, 200]


PRIVATE = [ADDRESS, "/api/v1/discovery/ansible/", "/api/v1/summary/flat/", "/changes.atom"]


@pytest.mark.parametrize("address", PRIVATE)
@pytest.mark.parametrize(("scopes", "status"), [(["read"], 200), (["notes:write"], 403)])
def test_a_token_reads_if_it_has_the_scope(scopes, status, address, client, admin_user):
    _, secret = make(admin_user, name="reader", scopes=scopes, at=timezone.now())

    response = client.get(address, headers={"authorization": f"Bearer {secret}"})

    assert response.status_code == status


@pytest.mark.parametrize("address", PRIVATE)
def test_nobody_else_is_told_anything(address, client, django_user_model, some_ports):
    anonymous = client.get(address)
    client.force_login(django_user_model.objects.create_user("guest"))
    guest = client.get(address)

    assert (anonymous.status_code, guest.status_code) == (401, 403)
    assert "sshd" not in anonymous.text + guest.text


CONFIG = """
scrape_configs:
  - job_name: atlas
    http_sd_configs:
      - url: {url}
        authorization: {{type: Bearer, credentials: {secret}}}
    relabel_configs:
      - {{source_labels: [__meta_portatlas_tags], regex: ".*,monitored,.*", action: keep}}
"""


@pytest.mark.django_db(transaction=True)
def test_a_real_prometheus_finds_the_targets(
    live_server, admin_user, open_port, write_note, tmp_path
):
    open_port(22)
    write_note(22)
    open_port(9100, process_name='evil"\n\\{{ }}')
    write_note(9100, title="Größe \U0001f4a9", tags=["monitored"])
    _, secret = make(admin_user, name="prometheus", scopes=["read"], at=timezone.now())
    config = tmp_path / "prometheus.yml"
    config.write_text(CONFIG.format(url=live_server.url + ADDRESS, secret=secret))

    found = subprocess.run(  # noqa: S603  # the program found
        [require("promtool"), "check", "service-discovery", "--timeout=5s", config, "atlas"],
        capture_output=True,
        check=True,
    )

    kept = [each for each in json.loads(found.stdout) if each["labels"]]
    [(labels, discovered)] = [(each["labels"], each["discoveredLabels"]) for each in kept]
    assert labels["instance"] == "atlas:9100"
    assert discovered["__meta_portatlas_process"] == 'evil"\n\\{{ }}'
    assert discovered["__meta_portatlas_title"] == "Größe \U0001f4a9"
