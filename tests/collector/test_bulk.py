"""That many rows in one statement are stored as the same rows one by one would have been."""

from copy import copy
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import example, given, settings
from hypothesis import strategies as st

from collector import bulk
from collector.models import PortEvent, PortRuntime
from collector.sweep import OwnerState, Protocol, Role, Scope
from tests.conftest import NOON

pytestmark = pytest.mark.django_db

UNIQUE = ("host", "protocol", "port")
HOSTILE = "'\"\\ \\u0041 %s {} \u2028 \U0001f980 é \x1b[31m </script> $.x -- ; DROP"


def port(number=22, **fields):
    defaults = {
        "protocol": Protocol.TCP,
        "first_seen_at": NOON,
        "last_seen_at": NOON,
        "active_since": NOON,
        "scope": Scope.ANY,
        "owner_state": OwnerState.KNOWN,
    }
    return PortRuntime(host_id="atlas", port=number, **defaults | fields)


words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=255)
times = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001  # Hypothesis adds the zone
counts = st.integers(0, 2**63 - 1)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-1e9, 1e9) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=5,
)
ports = st.fixed_dictionaries(
    {
        "number": st.integers(1, 65535),
        "protocol": st.sampled_from(Protocol),
        "first_seen_at": st.just(datetime(1, 1, 1, tzinfo=UTC)),
        "last_seen_at": times,
        "last_disappeared_at": st.none() | times,
        "active_since": times,
        "endpoints": st.lists(documents, max_size=3),
        "scope": st.sampled_from(Scope),
        "backlog": counts,
        "backlog_limit": counts,
        "is_client": st.booleans(),
        "owner_state": st.sampled_from(OwnerState),
        "current_pid": st.none() | counts,
        "pids": documents.filter(lambda document: document is not None),
        "process_name": words,
        "cmdline": words,
        "process_started_at": st.none() | times,
        "role": st.sampled_from(Role),
    }
).map(lambda fields: port(**fields))


def event(row, **fields):
    return PortEvent(port_runtime=row, event_type="appeared", timestamp=NOON, **fields)


def stored_by(write, objects):
    """
    Return what the ORM and the table tell after a write, which is then undone.

    The table's values come bare, on SQLite with their types, all but the primary keys.
    """
    model = type(objects[0])
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    columns = [connection.ops.quote_name(field.column) for field in fields]
    if connection.vendor == "sqlite":
        columns += [f"typeof({name})" for name in columns]
    with transaction.atomic(), connection.cursor() as cursor:
        write([copy(each) for each in objects])  # bulk_create gives what it is given a key
        told = list(model.objects.order_by("pk").values(*[field.attname for field in fields]))
        cursor.execute(f"SELECT {', '.join(columns)} FROM {model._meta.db_table} ORDER BY id")  # noqa: S608  # names only
        rows = cursor.fetchall()
        transaction.set_rollback(True)
    return told, rows


def upsert(objects):
    bulk.upsert(objects, unique=UNIQUE, keep=["first_seen_at"])


@pytest.fixture
def host(add_host):
    return add_host("atlas")


@pytest.fixture
def known_port(host):
    row = port(80)
    row.save()
    return row


@pytest.mark.usefixtures("host")
@pytest.mark.parametrize("write", [bulk.insert, upsert])
@settings(deadline=None, max_examples=50)
@given(rows=st.lists(ports, min_size=1, max_size=5, unique_by=lambda row: row.port))
def test_ports_are_stored_as_bulk_create_stores_them(write, rows):
    expected = stored_by(PortRuntime.objects.bulk_create, rows)

    assert stored_by(write, rows) == expected


@pytest.mark.usefixtures("known_port")
@settings(deadline=None, max_examples=50)
@given(
    timestamp=times,
    pid=st.none() | counts,
    changes=st.dictionaries(words, st.lists(documents, min_size=2, max_size=2), max_size=3),
)
@example(timestamp=NOON, pid=2**32, changes={HOSTILE: [HOSTILE, None]})
def test_events_are_stored_as_bulk_create_stores_them(timestamp, pid, changes):
    events = [
        PortEvent(
            port_runtime=PortRuntime.objects.get(),
            event_type=PortEvent.Type.REBOUND,
            timestamp=timestamp,
            pid=pid,
            changes=changes,
        )
    ]

    expected = stored_by(PortEvent.objects.bulk_create, events)

    assert stored_by(bulk.insert, events) == expected


@pytest.mark.usefixtures("host")
def test_hostile_text_reads_back_as_it_was_written():
    upsert([port(process_name=HOSTILE, cmdline=HOSTILE * 50, endpoints=[{HOSTILE: HOSTILE}])])

    row = PortRuntime.objects.get(process_name=HOSTILE)
    assert (row.cmdline, row.endpoints) == (HOSTILE * 50, [{HOSTILE: HOSTILE}])


@pytest.mark.usefixtures("host")
def test_what_was_written_is_found_by_time_and_inside_its_documents():
    late = NOON + timedelta(microseconds=1)
    upsert([port(80, pids=[7], endpoints=[{"inode": 2**40}]), port(81, last_seen_at=late)])

    found = PortRuntime.objects.filter(last_seen_at=NOON, pids__0=7, endpoints__0__inode=2**40)
    newer = PortRuntime.objects.filter(last_seen_at__gt=NOON)

    assert [row.port for row in found] == [80]
    assert [row.port for row in newer] == [81]


def test_an_upsert_updates_known_rows_inserts_new_ones_and_tells_the_keys_of_both(known_port):
    later = NOON + timedelta(hours=1)
    objects = [
        port(81),
        port(80, first_seen_at=later, last_seen_at=later, process_name="caddy"),
        port(80, protocol=Protocol.UDP),
    ]

    upsert(objects)

    row = PortRuntime.objects.get(pk=known_port.pk)
    assert (row.process_name, row.first_seen_at, row.last_seen_at) == ("caddy", NOON, later)
    assert {each.pk: each.key for each in objects} == {
        each.pk: each.key for each in PortRuntime.objects.all()
    }


@pytest.mark.usefixtures("host")
def test_an_event_takes_the_key_that_its_port_got_since():
    row = port()
    events = [event(row, pid=1), event(row, pid=2)]
    upsert([row])

    bulk.insert(events)

    assert list(row.events.values_list("pid", flat=True).order_by("pid")) == [1, 2]


@pytest.mark.usefixtures("host")
@pytest.mark.parametrize("count", [1, 1_000])
def test_a_thousand_rows_take_as_many_statements_as_one(count, django_assert_num_queries):
    rows = [port(number) for number in range(1, count + 1)]

    with django_assert_num_queries(2):  # the rows; the keys that they got
        upsert(rows)
    with django_assert_num_queries(1):  # their keys are known
        upsert(rows)
    with django_assert_num_queries(1):
        bulk.insert([event(row) for row in rows])


@pytest.mark.usefixtures("host")
def test_more_than_a_thousand_rows_go_in_batches(django_assert_num_queries):
    rows = [port(number) for number in range(1, 2_502)]

    with django_assert_num_queries(3):
        bulk.insert(rows)

    assert PortRuntime.objects.count() == 2_501


def test_nothing_to_write_asks_nothing(django_assert_num_queries):
    with django_assert_num_queries(0):
        bulk.insert([])
        upsert([])


@pytest.mark.usefixtures("host")
@pytest.mark.parametrize("write", [bulk.insert, upsert])
@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"number": 65536}, "collector_portruntime_port_in_range"),
        ({"scope": "galaxy"}, "collector_portruntime_scope_valid"),
        ({"active_since": None}, "collector_portruntime_state_has_its_time"),
        ({"last_seen_at": NOON - timedelta(1)}, "collector_portruntime_seen_in_order"),
    ],
)
def test_the_constraints_of_the_table_hold(write, fields, constraint):
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        write([port(**fields)])

    assert not PortRuntime.objects.exists()


@pytest.mark.usefixtures("known_port")
def test_an_insert_does_not_pass_over_a_row_that_is_there():
    with pytest.raises(IntegrityError), transaction.atomic():
        bulk.insert([port(80)])


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("host")
@pytest.mark.parametrize("write", [bulk.insert, upsert])
def test_a_batch_that_fails_takes_those_before_it_along(write):
    rows = [port(number) for number in range(1, bulk.AT_ONCE + 1)]

    with pytest.raises(IntegrityError):
        write([*rows, port(65536)])

    assert not PortRuntime.objects.exists()


@pytest.mark.usefixtures("host")
@pytest.mark.parametrize("write", [bulk.insert, upsert, PortRuntime.objects.bulk_create])
def test_half_a_surrogate_pair_is_refused_and_not_stored_unreadably(write):
    with pytest.raises(UnicodeEncodeError), transaction.atomic():
        write([port(process_name="\ud83e")])

    assert not PortRuntime.objects.exists()
