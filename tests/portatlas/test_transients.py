"""What came and went between two looks, on the page of its host, in the API and in the admin."""

import html
import re
from datetime import timedelta

import pytest
import time_machine

from collector.models import Transient
from tests.conftest import NOON


@pytest.fixture
def came_and_went(add_host):
    def came_and_went(port=4444, *, host_id="atlas", closed_at=NOON, **fields):
        defaults = {
            "protocol": "tcp",
            "address": "0.0.0.0",
            "pid": 4711,
            "process_name": "nc",
            "opened_at": closed_at - timedelta(milliseconds=250),
        }
        return Transient.objects.create(
            host=add_host(host_id), port=port, closed_at=closed_at, **defaults | fields
        )

    return came_and_went


def words(response):
    return " ".join(html.unescape(re.sub("<[^>]+>", " ", response.text)).split())


def test_the_page_of_a_host_tells_what_came_and_went_the_last_first(admin_client, came_and_went):
    came_and_went(4444)
    came_and_went(
        5555, protocol="udp", closed_at=NOON + timedelta(minutes=1), process_name="", pid=None
    )
    came_and_went(6666, host_id="other")

    told = words(admin_client.get("/hosts/atlas/"))

    assert re.search(r"250 ms 5555/udp 0\.0\.0\.0 not told .*4444/tcp 0\.0\.0\.0 nc PID 4711", told)
    assert "6666" not in told


def test_the_sockets_of_one_process_in_a_row_are_one_line(admin_client, came_and_went):
    came_and_went(4444)
    for number in range(8):
        came_and_went(30_000 + number, protocol="udp", process_name="resolver", pid=53)
    came_and_went(4444)

    told = words(admin_client.get("/hosts/atlas/"))

    assert "250 ms 4444/tcp 0.0.0.0 nc PID 4711" in told
    assert (
        "8 times, 250 ms at most 30007/udp 30006/udp 30005/udp 30004/udp 30003/udp 30002/udp "
        "and 2 more 0.0.0.0 resolver PID 53" in told
    )
    assert told.count("4444/tcp") == 2


def test_a_name_that_a_process_chose_is_text(admin_client, came_and_went):
    came_and_went(process_name="<script>alert(1)")

    page = admin_client.get("/hosts/atlas/").text

    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page


@pytest.mark.parametrize("count", [1, 3])
def test_the_journal_is_read_in_one_query(
    count, admin_client, came_and_went, django_assert_num_queries
):
    for number in range(count):
        came_and_went(4000 + number)

    with django_assert_num_queries(7):
        admin_client.get("/hosts/atlas/")


@pytest.mark.parametrize(
    ("source", "reason", "told"),
    [
        ("ebpf", "", "The kernel tells of ports that open and close (eBPF)"),
        ("", "libbpf 1 is not installed.", "is not seen. libbpf 1 is not installed."),
    ],
)
def test_the_page_of_a_host_says_what_tells_of_its_ports_between_looks_or_why_nothing_does(
    source, reason, told, admin_client, add_host
):
    add_host(event_source=source, event_source_reason=reason)

    assert told in words(admin_client.get("/hosts/atlas/"))


def test_the_api_lists_them_by_host_port_and_time(admin_client, came_and_went):
    came_and_went(4444)
    came_and_went(5555, closed_at=NOON - timedelta(hours=1))
    came_and_went(4444, host_id="other")

    found = admin_client.get(
        "/api/v1/transients/", {"host_id": "atlas", "since": NOON.isoformat()}
    ).json()["results"]

    assert found == [
        {
            "host_id": "atlas",
            "protocol": "tcp",
            "port": 4444,
            "address": "0.0.0.0",
            "pid": 4711,
            "process_name": "nc",
            "opened_at": "2026-01-01T11:59:59.750000Z",
            "closed_at": "2026-01-01T12:00:00Z",
        }
    ]


def test_the_api_tells_what_tells_of_the_ports_of_a_host(admin_client, add_host):
    add_host(event_source_reason="cgroup v2 is not mounted.")

    host = admin_client.get("/api/v1/hosts/atlas/").json()

    assert (host["event_source"], host["event_source_reason"]) == ("", "cgroup v2 is not mounted.")


@pytest.mark.parametrize(("source", "every"), [("ebpf", 1000), ("", 5000)])
def test_the_board_is_refreshed_each_second_where_a_kernel_tells(
    source, every, admin_client, add_host
):
    add_host(event_source=source)

    with time_machine.travel(NOON):
        assert f'data-every="{every}"' in admin_client.get("/").text


def test_a_host_that_fell_silent_tells_nothing_in_time(admin_client, add_host):
    add_host(event_source="ebpf")

    with time_machine.travel(NOON + timedelta(hours=1)):
        assert 'data-every="5000"' in admin_client.get("/").text
