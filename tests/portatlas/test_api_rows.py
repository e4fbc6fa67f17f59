"""Ports as lists tell them: the columns of one statement, held against the models."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from portatlas import tally
from portatlas.api import rows
from portatlas.api.serializers import PortSerializer
from portatlas.models import Port
from portatlas.tally import page
from tests.conftest import NOON

pytestmark = pytest.mark.django_db

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
END = {
    "address": "0.0.0.0",
    "device": "",
    "scope": "any",
    "backlog": 0,
    "limit": 128,
    "cookie": "1",
    "inode": 1,
    "family": "v4",
    "pid": 1,
    "process_name": "nginx",
}


@pytest.fixture
def every_kind(add_host, open_port, write_note):
    """Ports of every state, with and without notes, on hosts that are well and that have booted."""
    odd = NOON + timedelta(microseconds=123456)
    add_host("booted", unsettled="boot", booted_at=NOON - MINUTE, watched_since=NOON - MINUTE)
    add_host("unseen", last_sweep_at=None)
    open_port(1, transition_4_at=NOON, process_name="é “quoted” \u2028 \\")
    open_port(2, owner_state="unknown", first_seen_at=odd - HOUR, last_seen_at=odd)
    open_port(3, gone=True, last_disappeared_at=odd)
    open_port(4, process_started_at=odd, current_pid=7, pids=[7, 8], exe_is_deleted=True)
    open_port(5, protocol="udp", is_client=True, active_since=NOON)
    open_port(6, host_id="booted", last_seen_at=NOON - HOUR)
    open_port(7, host_id="unseen", role="proxy", container="c", image="i")
    open_port(8, endpoints=[END, END | {"address": "::", "family": "v6", "pid": 2}])
    open_port(9, endpoints=[END | {"backlog": 100}], gone=True)
    open_port(10, endpoints=[END | {"backlog": 100}], backlog=100, backlog_limit=128)
    open_port(11, scope="any")
    open_port(12)
    write_note(3, risk_level="trusted")
    write_note(4, risk_level="trusted", tags=["web", "prod"], review_by=NOON.date(), owner="ops")
    write_note(11, expected_scope="loopback", description="# “Shop”\n")
    write_note(12, host_id="*", title="Everywhere")


def test_each_port_is_told_as_the_serializer_tells_it(every_kind):
    ports = Port.objects.for_board(NOON).order_by("pk")

    told = [row.as_json() for row in rows.rows(ports)]

    expected = json.loads(json.dumps(PortSerializer(ports, many=True).data))
    for each, as_serialized in zip(told, expected, strict=True):
        assert each == as_serialized
    assert len({each["state"] for each in told}) > 4


def test_a_page_of_all_ports_is_in_the_order_of_the_board(every_kind):
    numbers = tally.numbers(NOON)
    board = page(NOON, Port.objects.all(), numbers, offset=0, limit=100, with_clients=True)

    whole = rows.page(NOON, numbers, offset=0, limit=100)
    parts = [
        row for start in range(0, 12, 5) for row in rows.page(NOON, numbers, offset=start, limit=5)
    ]

    assert [row.pk for row in whole] == [port.pk for port in board]
    assert [row.pk for row in parts] == [port.pk for port in board]
    assert [row.severity for row in whole] == [port.severity for port in board]
    assert [row.state for row in whole][:3] == ["suspicious", "suspicious", "flapping"]


def test_the_numbers_of_a_page_are_those_of_a_tally(every_kind):
    found = tally.numbers(NOON)

    counted = tally.tally(NOON, [], Port.objects.all(), with_clients=True)
    assert found == (counted.urgent, counted.flapping, counted.total)


def test_a_statement_that_was_compiled_once_is_asked_for_each_time_anew(open_port):
    open_port(80, transition_4_at=NOON)

    states = [
        rows.page(at, tally.numbers(at), offset=0, limit=1)[0].state
        for at in (NOON, NOON + 2 * HOUR, NOON + 30 * MINUTE)
    ]

    assert states == ["flapping", "unnoted", "flapping"]


def test_a_queryset_of_which_nothing_can_fit_needs_no_query(django_assert_num_queries):
    with django_assert_num_queries(0):
        found = rows.rows(Port.objects.for_board(NOON).filter(pk__in=[]))

    assert found == []


@pytest.mark.parametrize("count", [1, 3])
def test_a_page_is_read_in_two_queries_at_most(count, open_port, django_assert_num_queries):
    for number in range(1, count + 1):
        open_port(number)
        open_port(number + 100, transition_4_at=timezone.now())
    now = timezone.now()
    numbers = tally.numbers(now)

    with django_assert_num_queries(2):
        found = rows.page(now, numbers, offset=0, limit=10)

    assert len(found) == 2 * count
