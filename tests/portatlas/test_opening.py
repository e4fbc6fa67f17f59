"""Where a port can be opened: a wrong link is worse than none."""

import pytest

from portatlas.board import opening
from portatlas.models import Port
from tests.conftest import NOON


def end(address):
    return {
        "address": address,
        "device": "",
        "scope": "any",
        "backlog": 0,
        "limit": 128,
        "cookie": "1",
        "inode": 1,
    }


@pytest.fixture
def opened(open_port):
    """Return a function that makes a port and returns where it can be opened."""

    def opened(port=8080, here="", site="", **fields):
        fields = {"process_name": "nginx"} | fields
        row = open_port(port, **fields)
        return opening.address(Port.objects.for_board(NOON).get(pk=row.pk), here=here, site=site)

    return opened


@pytest.mark.parametrize(
    ("fields", "address"),
    [
        ({}, "http://atlas:8080/"),
        ({"port": 80}, "http://atlas:80/"),
        ({"port": 443}, "https://atlas:443/"),
        ({"port": 8443, "process_name": "java"}, "https://atlas:8443/"),
        ({"port": 3000, "process_name": "node"}, "http://atlas:3000/"),
        ({"port": 4567, "process_name": "node"}, "http://atlas:4567/"),
        ({"port": 591, "process_name": "x", "well_known": "http-alt"}, "http://atlas:591/"),
        (
            {"port": 9000, "process_name": "docker-proxy", "role": "proxy", "image": "x/nginx:1"},
            "http://atlas:9000/",
        ),
        ({"port": 9000, "process_name": "java"}, ""),
        ({"port": 443, "process_name": "sshd"}, ""),
        ({"port": 443, "process_name": "openvpn"}, ""),
        ({"port": 9000, "process_name": "php-fpm8.2"}, ""),
        ({"port": 8080, "role": "tunnel"}, ""),
        ({"port": 5432, "well_known": "postgresql"}, ""),
        (
            {"port": 8080, "process_name": "docker-proxy", "role": "proxy", "image": "postgres:17"},
            "",
        ),
    ],
)
def test_only_what_seems_to_speak_http_is_opened(fields, address, opened):
    assert opened(**fields) == address


@pytest.mark.parametrize(
    ("service_type", "address"),
    [("web", "http://atlas:9999/"), ("api", "http://atlas:9999/"), ("unknown", ""), ("db", "")],
)
def test_the_note_knows_best(service_type, address, opened, write_note):
    write_note(9999, service_type=service_type)

    assert opened(9999, process_name="thing") == address


def test_a_database_on_a_number_of_the_web_is_not_opened(opened, write_note):
    write_note(8080, service_type="db")

    assert opened(8080) == ""


@pytest.mark.parametrize(
    "fields",
    [{"gone": True}, {"protocol": "udp"}, {"owner_state": "unknown"}, {"scope": "link"}],
)
def test_what_is_gone_or_suspicious_or_out_of_reach_is_not_opened(fields, opened):
    assert opened(**fields) == ""


def test_what_a_note_calls_suspicious_is_not_opened(opened, write_note):
    write_note(8080, service_type="web", risk_level="suspicious")

    assert opened(8080) == ""


@pytest.mark.parametrize(
    ("host_id", "address"),
    [
        ("web-1.example.org", "http://web-1.example.org:8080/"),
        ("10.0.0.7", "http://10.0.0.7:8080/"),
        ("fd00::7", "http://[fd00::7]:8080/"),
        ("Atlas", "http://atlas:8080/"),
        ("localhost", ""),
        ("localhost.localdomain", ""),
        ("127.0.1.1", ""),
        ("1234", ""),
        ("atlas.0x7f", ""),
        ("web-1:blue", ""),
        ("a_b", ""),
        ("a..b", ""),
        ("fe80::1", ""),
        ("0.0.0.0", ""),  # a host that calls itself so
    ],
)
def test_a_host_needs_a_name_that_means_it_to_everybody(host_id, address, opened):
    assert opened(8080, host_id=host_id) == address


def test_a_port_on_loopback_is_opened_only_from_its_own_machine(opened):
    loopback = {"scope": "loopback", "endpoints": [end("127.0.0.1")]}

    assert opened(8080, **loopback) == ""
    assert opened(8081, here="other", **loopback) == ""
    assert opened(8000, here="atlas", **loopback) == "http://localhost:8000/"


@pytest.mark.parametrize(
    ("site", "bound", "address"),
    [
        ("localhost", "127.0.0.1", "http://127.0.0.1:8080/"),
        ("127.0.0.1", "0.0.0.0", "http://localhost:8080/"),  # what ss prints
        ("localhost", "::", "http://[::1]:8080/"),
        ("::1", "::1", "http://localhost:8080/"),
        ("127.0.0.1", "127.0.0.53", "http://127.0.0.53:8080/"),
        ("127.0.0.53", "127.0.0.53", ""),
        ("localhost", "10.0.0.5", "http://atlas:8080/"),
    ],
)
def test_a_link_on_this_machine_calls_it_by_another_name_than_the_site(
    site, bound, address, opened
):
    """The cookie of this site is for its name, on every port: no other program may have it."""
    assert opened(8080, here="atlas", site=site, endpoints=[end(bound)]) == address


def test_a_link_to_the_name_of_the_site_needs_a_note_that_vouches(opened, write_note):
    write_note(8081)

    assert opened(8080, site="ATLAS") == ""
    assert opened(8081, site="ATLAS") == "http://atlas:8081/"


def test_hostile_names_open_nothing(opened):
    evil = 'nginx"><script>'

    assert opened(9, process_name=evil, image=evil, well_known=evil) == ""
