"""How reservations stand: derived from facts each time, in one statement, by indexes."""

from datetime import timedelta

import pytest
from django.db import connection

from portatlas.bookings import Status
from portatlas.models import Booking
from tests.conftest import NOON
from tests.portatlas.bookings import reserved

pytestmark = pytest.mark.django_db

MONTH = timedelta(days=30)
SECOND = timedelta(seconds=1)
LONG_AGO = NOON - 2 * MONTH


def status(port=80, at=NOON):
    return Booking.objects.with_status(at).get(port=port).status


@pytest.mark.parametrize("host_id", ["atlas", "*"])
@pytest.mark.parametrize(
    ("fact", "told"),
    [
        (None, Status.RESERVED),
        ({"gone": True}, Status.RESERVED),
        ({"process_name": "nginx"}, Status.IN_USE),
        ({"process_name": "caddy"}, Status.VIOLATED),
        ({"process_name": "", "owner_state": "not_permitted"}, Status.IN_USE),
    ],
)
def test_the_facts_say_how_a_reservation_stands(host_id, fact, told, open_port):
    if fact is not None:
        open_port(80, **fact)
    reserved(80, host_id=host_id, process_name="nginx")

    assert status() == told


@pytest.mark.parametrize(
    ("programs", "told"),
    [
        ([None, None], Status.RESERVED),
        ([None, "nginx"], Status.IN_USE),
        (["caddy", "nginx"], Status.VIOLATED),
        (["nginx", "caddy"], Status.VIOLATED),
    ],
)
def test_a_port_of_every_host_stands_as_on_the_worst_of_them(programs, told, open_port):
    for host_id, program in zip(("a", "b"), programs, strict=True):
        open_port(80, host_id=host_id, gone=program is None, process_name=program or "x")
    reserved(80, host_id="*", process_name="nginx")

    assert status() == told


@pytest.mark.parametrize("host_id", ["atlas", "*"])
@pytest.mark.parametrize(
    ("terms", "seen", "told"),
    [
        ({"at": NOON - MONTH - SECOND}, None, Status.STALE),
        ({"at": NOON - MONTH}, None, Status.RESERVED),
        ({"at": LONG_AGO}, NOON - MONTH - SECOND, Status.STALE),
        ({"at": LONG_AGO}, NOON - MONTH, Status.RESERVED),
        ({"at": LONG_AGO, "renewed_at": NOON - MONTH - SECOND}, None, Status.STALE),
        ({"at": LONG_AGO, "renewed_at": NOON - MONTH}, None, Status.RESERVED),
        ({"at": NOON - MONTH}, LONG_AGO, Status.RESERVED),
    ],
)
def test_what_nobody_has_used_or_renewed_for_thirty_days_is_stale(
    host_id, terms, seen, told, open_port
):
    if seen:
        open_port(80, gone=True, first_seen_at=LONG_AGO, last_seen_at=seen)
    reserved(80, host_id=host_id, **terms)

    assert status() == told


def test_a_port_in_use_is_never_stale(open_port):
    """Its row may be as old as its program: nothing has changed since."""
    open_port(80, first_seen_at=LONG_AGO, last_seen_at=LONG_AGO, active_since=LONG_AGO)
    reserved(80, at=LONG_AGO)

    assert status() == Status.IN_USE


@pytest.mark.parametrize("count", [1, 30])
def test_reservations_are_read_with_their_status_in_one_statement(
    count, open_port, django_assert_num_queries
):
    for number in range(1, count + 1):
        open_port(number)
        reserved(number, host_id="*" if number % 2 else "atlas")

    with django_assert_num_queries(1):
        found = [each.status for each in Booking.objects.with_status(NOON)]

    assert found == [Status.IN_USE] * count


def test_those_that_stand_so_are_found(open_port):
    open_port(80)
    for number in (80, 81):
        reserved(number)
    reserved(82, at=LONG_AGO)

    found = Booking.objects.with_status(NOON).in_status(Status.IN_USE, Status.STALE)

    assert [each.port for each in found.order_by("port")] == [80, 82]


SCANNED = ("reservations_reservation", "json_each")  # what is asked for, and lists of one row


def plan(queryset):
    """Return the tables and indexes that a query reads, as the database tells it."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:  # so few rows are read faster without any index
            cursor.execute("SET LOCAL enable_seqscan = off")
    return queryset.explain()


@pytest.mark.parametrize("what", ["status", "untold", "witness"])
def test_no_table_of_facts_is_read_from_its_beginning(what, open_port):
    open_port(80)
    reserved(80)
    bookings = {
        "status": Booking.objects.with_status(NOON),
        "untold": Booking.objects.untold(),
        "witness": Booking.objects.with_witness(),
    }

    told = plan(bookings[what].order_by("pk")[:100])

    scans = [line for line in told.splitlines() if "SCAN" in line or "Seq Scan" in line]
    assert [each for each in scans if not any(name in each for name in SCANNED)] == []
