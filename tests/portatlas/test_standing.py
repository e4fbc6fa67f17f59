"""The index of ranks is what the rules say, whatever is written, by whomever and in what way."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.models import F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector import services
from collector.models import Host, PortRuntime
from notes.models import EVERY_HOST, PortNote
from portatlas import standing, states
from portatlas.contexts.reservations.models import Reservation
from portatlas.models import KEY, Memory, Port, Standing
from tests.collector.sweeps import TICK, listener, sweep
from tests.conftest import NOON
from tests.portatlas.bookings import reserved

HOSTS = ("a", "b")
NUMBERS = (7, 8, 9)
NO_RANK = states.NEVER_SEEN


def kept():
    """Return the index as {key: (fact, rank, since)}."""
    rows = Standing.objects.values_list(*KEY, "fact", "rank", "since")
    return {row[:3]: row[3:] for row in rows}


def afresh():
    """Return the same from facts and notes alone."""
    ports = list(Port.objects.annotate(now=states.rank()))
    found = {
        (port.host_id, port.protocol, port.port): (port.pk, port.now, port.active_since)
        for port in ports
    }
    numbers = {(port.protocol, port.port) for port in ports}
    for note in PortNote.objects.all():
        seen = note.key[1:] in numbers if note.host_id == EVERY_HOST else note.key in found
        if not seen:
            found[note.key] = (None, NO_RANK, None)
    return found


def test_loading_a_dump_makes_the_index_anew(open_port, write_note, tmp_path):
    open_port(7)
    open_port(9)
    write_note(7, risk_level="trusted")
    write_note(8)
    reserved(7, host_id=EVERY_HOST, process_name="caddy")
    reserved(9, pid=5)
    file, before = tmp_path / "dump.json", {key: row[1] for key, row in kept().items()}
    apps = "collector", "notes", "reservations", "portatlas"
    call_command("dumpdata", *apps, output=str(file), verbosity=0)
    Reservation.objects.all().delete()
    PortNote.objects.all().delete()
    PortRuntime.objects.all().delete()

    call_command("loaddata", str(file), verbosity=0)

    assert {key: row[1] for key, row in kept().items()} == before
    assert kept() == afresh()
    assert [before["atlas", "tcp", port] for port in (7, 9)] == [14, 15]


def never_seen():
    """Return the notes of ports never seen, asked for without the index."""
    facts = {(port.host_id, *port.key) for port in PortRuntime.objects.all()}
    numbers = {key[1:] for key in facts}
    return {
        note.pk
        for note in PortNote.objects.all()
        if (note.key[1:] not in numbers if note.host_id == EVERY_HOST else note.key not in facts)
    }


def fact(key, **fields):
    host_id, protocol, port = key
    told = {
        "first_seen_at": NOON - timedelta(days=9),
        "last_seen_at": NOON,
        "active_since": NOON - timedelta(days=2),
        "last_disappeared_at": NOON,
        "scope": "any",
        "owner_state": "known",
    }
    return PortRuntime(host_id=host_id, protocol=protocol, port=port, **told | fields)


def note(key, **fields):
    host_id, protocol, port = key
    return PortNote(host_id=host_id, protocol=protocol, port=port, **fields)


def reservation(key, **fields):
    host_id, protocol, port = key
    told = {"project": "shop", "reserved_at": NOON}
    return Reservation(host_id=host_id, protocol=protocol, port=port, **told | fields)


MAKE = {PortRuntime: fact, PortNote: note, Reservation: reservation}


def of_key(key):
    return dict(zip(("host_id", "protocol", "port"), key, strict=True))


# Everything that can be written, and every way to write it.

fact_keys = st.tuples(st.sampled_from(HOSTS), st.just("tcp"), st.sampled_from(NUMBERS))
note_keys = st.tuples(
    st.sampled_from([*HOSTS, "c", EVERY_HOST]), st.just("tcp"), st.sampled_from(NUMBERS)
)
FACT = {
    "current_state": st.sampled_from(["active", "disappeared"]),
    "owner_state": st.sampled_from(["known", "unknown"]),
    "scope": st.sampled_from(["loopback", "any"]),
    "is_client": st.booleans(),
    "active_since": st.sampled_from([NOON, NOON - timedelta(days=1)]),
    "process_name": st.sampled_from(["", "nginx"]),
    "pids": st.sampled_from([[], [5], [6, 7]]),
    "ancestors": st.sampled_from([[], [{"pid": 5, "name": "sh"}, {"pid": 1, "name": "init"}]]),
}
NOTE = {
    "risk_level": st.sampled_from(["trusted", "expected", "suspicious"]),
    "expected_scope": st.sampled_from(["", "loopback", "any"]),
    "title": st.sampled_from(["", "x"]),
}
RESERVATION = {
    "process_name": st.sampled_from(["", "nginx", "caddy"]),
    "container_name": st.sampled_from(["", "", "web"]),
    "pid": st.sampled_from([None, None, 5, 7]),
    "description": st.sampled_from(["", "x"]),
}
facts, notes, reservations = map(st.fixed_dictionaries, (FACT, NOTE, RESERVATION))
new_facts = st.dictionaries(fact_keys, facts, min_size=3)
new_notes = st.dictionaries(note_keys, notes, min_size=6)
new_reservations = st.dictionaries(note_keys, reservations, max_size=6)
changed_facts, changed_notes, changed_reservations = (
    st.sampled_from(list(fields)).flatmap(
        lambda name, fields=fields: st.fixed_dictionaries({name: fields[name]})
    )
    for fields in (FACT, NOTE, RESERVATION)
)
UNIQUE = ["host_id", "protocol", "port"]


def put(model, key, values):
    if not model.objects.filter(**of_key(key)).update(**values):
        MAKE[model](key, **values).save()


FIELDS = {
    PortRuntime: ["scope", "is_client"],
    PortNote: ["risk_level"],
    Reservation: ["process_name", "pid"],
}


def put_many(model, rows, *, how):
    rows = [MAKE[model](key, **values) for key, values in rows.items()]
    if how == "ignore":
        model.objects.bulk_create(rows, ignore_conflicts=True)
    elif how == "update":
        unique = ["host", "protocol", "port"] if model is PortRuntime else UNIQUE
        model.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=unique, update_fields=FIELDS[model]
        )
    else:
        model.objects.bulk_create(rows)


def change_many(model, values):
    rows = list(model.objects.all())
    for number, row in enumerate(rows):
        for name, value in values.items() if number % 2 else ():
            setattr(row, name, value)
    model.objects.bulk_update(rows, list(values))


def by_hand(statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def move(model, by, which):
    chosen = model.objects.filter(port__in=which)
    chosen.update(port=F("port") + by)


def look(host_id, numbers, ticks):
    """Sweep a host: the ticks go on from one look to the next."""
    found = [listener(number, cookie=f"{number}-{ticks}") for number in numbers]
    at = NOON + 100 * TICK
    services.reconcile(
        sweep(*found, host_id=host_id, machine_id=host_id, taken_at=at + next(ticks) * TICK)
    )


some_numbers = st.sets(st.sampled_from(NUMBERS))
how = st.sampled_from(["ignore", "update", "plain"])


def steps():
    """Return a strategy of (what is done, its arguments)."""

    def step(function, *arguments):
        return st.tuples(st.just(function), *arguments)

    port, memory, booking = map(st.just, (PortRuntime, PortNote, Reservation))
    return st.one_of(
        step(put, port, fact_keys, facts),
        step(put, memory, note_keys, notes),
        step(put, booking, note_keys, reservations),
        step(put_many_facts, new_facts, how),
        step(put_many_notes, new_notes, how),
        step(put_many_reservations, new_reservations, how),
        step(change_many, port, changed_facts),
        step(change_many, memory, changed_notes),
        step(change_many, booking, changed_reservations),
        step(update, port, some_numbers, changed_facts),
        step(update, memory, some_numbers, changed_notes),
        step(update, booking, some_numbers, changed_reservations),
        step(move, port, st.sampled_from([-1, 1, 5]), some_numbers),
        step(move, memory, st.sampled_from([-1, 1, 5]), some_numbers),
        step(move, booking, st.sampled_from([-1, 1, 5]), some_numbers),
        step(rename, port, st.sampled_from(HOSTS), some_numbers),
        step(rename, memory, st.sampled_from([*HOSTS, EVERY_HOST]), some_numbers),
        step(rename, booking, st.sampled_from([*HOSTS, EVERY_HOST]), some_numbers),
        step(delete, port, some_numbers),
        step(delete, memory, some_numbers),
        step(delete, booking, some_numbers),
        step(delete_by_hand, st.sampled_from(list(MAKE)), some_numbers),
        step(replace_by_hand, note_keys, st.sampled_from(["trusted", "suspicious"])),
        step(look, st.sampled_from(HOSTS), some_numbers, st.just(count())),
    )


def put_many_facts(rows, how):
    put_many(PortRuntime, rows, how=how)


def put_many_notes(rows, how):
    put_many(PortNote, rows, how=how)


def put_many_reservations(rows, how):
    put_many(Reservation, rows, how=how)


def update(model, numbers, values):
    model.objects.filter(port__in=numbers).update(**values)


def rename(model, host_id, numbers):
    model.objects.filter(port__in=numbers).update(host_id=host_id)


def delete(model, numbers):
    model.objects.filter(port__in=numbers).delete()


def delete_by_hand(model, numbers):
    for number in numbers:
        by_hand(f"DELETE FROM {model._meta.db_table} WHERE port = %s", number)  # noqa: S608  # a name of our own


def replace_by_hand(key, risk):
    """Take the place of a note as SQLite does it: no trigger hears of the row that goes."""
    verb = "INSERT OR REPLACE" if connection.vendor == "sqlite" else "INSERT"
    by_hand(
        f"{verb} INTO {PortNote._meta.db_table} (host_id, protocol, port, title, description, "
        "owner, service_type, risk_level, tags, expected_scope, created_at, updated_at, version) "
        "VALUES (%s, %s, %s, '', '', '', 'web', %s, '[]', '', %s, %s, 1)",
        *key,
        risk,
        NOON,
        NOON,
    )


@pytest.fixture
def hosts(add_host):
    for host_id in HOSTS:
        add_host(host_id, machine_id=host_id, boot_id="b1", watched_since=NOON, watched_until=NOON)


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(new_facts, new_notes, new_reservations, st.lists(steps(), min_size=8, max_size=25))
def test_the_index_follows_whatever_is_written(
    hosts, first_facts, first_notes, first_reservations, done
):
    savepoint = transaction.savepoint()
    put_many_facts(first_facts, "plain")
    put_many_notes(first_notes, "plain")
    put_many_reservations(first_reservations, "plain")

    for function, *arguments in done:
        try:
            with transaction.atomic():
                function(*arguments)
        except IntegrityError as exc:  # two of one key: nothing was written
            assert "portatlas_standing" not in str(exc)  # noqa: PT017  # whose key it was

        assert kept() == afresh()
        assert {each.pk for each in Memory.objects.never_seen()} == never_seen()
    transaction.savepoint_rollback(savepoint)


def test_what_is_written_twice_in_one_statement_is_followed_row_by_row(hosts):
    """Each row takes the key that the next has just left."""
    for number in (7, 8, 9):
        fact(("a", "tcp", number), current_state="active").save()
        note(("a", "tcp", number), risk_level="trusted" if number == 8 else "expected").save()
        note((EVERY_HOST, "tcp", number)).save()

    with connection.constraint_checks_disabled():
        for model in (PortRuntime, PortNote):
            for number in (9, 8, 7):
                model.objects.filter(port=number).update(port=number + 1)

    assert kept() == afresh()


@pytest.fixture
def mixed(hosts):
    """Facts and notes of every kind, and the index over them."""
    fact(("a", "tcp", 7)).save()
    fact(("b", "tcp", 7), current_state="disappeared").save()
    fact(("b", "tcp", 8), owner_state="unknown").save()
    note(("a", "tcp", 7), risk_level="trusted").save()
    note((EVERY_HOST, "tcp", 7)).save()
    note((EVERY_HOST, "tcp", 9)).save()
    note(("c", "tcp", 8)).save()
    reservation((EVERY_HOST, "tcp", 7), process_name="caddy").save()
    reservation(("b", "tcp", 8), pid=5).save()


def test_a_note_waits_for_a_port_that_was_never_seen(mixed):
    waiting = [note.key for note in Memory.objects.never_seen()]

    assert waiting == [("c", "tcp", 8), (EVERY_HOST, "tcp", 9)]


def test_deleting_a_host_and_its_ports_leaves_their_notes_waiting(mixed):
    PortRuntime.objects.filter(host="b").delete()
    Host.objects.get(host_id="b").delete()

    assert kept() == afresh()
    assert {key for key, (_fact, rank, _since) in kept().items() if rank == NO_RANK} == {
        ("c", "tcp", 8),
        (EVERY_HOST, "tcp", 9),
    }


def test_the_index_is_filled_anew_when_the_triggers_are_made(mixed):
    Standing.objects.update(rank=0)
    Standing.objects.filter(port=9).delete()

    standing.install(connection)

    assert kept() == afresh()


def test_without_triggers_nothing_follows(mixed):
    """What the other tests rely on: it is the database that keeps the index."""
    standing.remove(connection)

    PortNote.objects.all().delete()

    assert kept() != afresh()


def test_a_database_whose_tables_are_older_has_no_triggers(mixed):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE portatlas_standing RENAME TO older")
        standing.remove(connection)

    standing.install(connection)

    PortNote.objects.all().delete()
    assert PortNote.objects.count() == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("app", ["collector", "notes", "portatlas"])
def test_migrating_back_and_forth_keeps_the_index(app, mixed):
    last = MigrationExecutor(connection).loader.graph.leaf_nodes(app)[0]
    before = MigrationExecutor(connection).loader.graph.node_map[last].parents
    (previous,) = [each.key[1] for each in before if each.key[0] == app]
    PortNote.objects.filter(host_id=EVERY_HOST).delete()  # which the tables of before refuse

    try:
        call_command("migrate", app, previous, verbosity=0)
        by_hand("UPDATE notes_portnote SET risk_level = 'suspicious'")
    finally:
        call_command("migrate", verbosity=0)
    PortRuntime.objects.filter(port=7).update(current_state="disappeared")

    assert kept() == afresh()


@pytest.mark.django_db(transaction=True)
def test_a_database_from_before_reservations_gets_its_triggers_with_them(mixed):
    """As an installation that is brought up to date; its facts and notes are there already."""
    fact(("b", "tcp", 6)).save()
    try:
        call_command("migrate", "portatlas", "0006", verbosity=0)
        call_command("migrate", "reservations", "zero", verbosity=0)
        by_hand("UPDATE notes_portnote SET risk_level = 'suspicious'")
    finally:
        call_command("migrate", verbosity=0)
    reservation(("b", "tcp", 6), process_name="caddy").save()

    assert kept() == afresh()
    assert kept()["b", "tcp", 6][1] == 15


@pytest.mark.django_db(transaction=True)
def test_a_flushed_database_goes_on_keeping_the_index(mixed, add_host):
    call_command("flush", interactive=False, verbosity=0)
    assert kept() == {}

    add_host("a")
    fact(("a", "tcp", 7)).save()
    note((EVERY_HOST, "tcp", 7), risk_level="trusted").save()

    assert kept() == afresh()


@pytest.mark.django_db(transaction=True)
def test_a_table_that_is_rebuilt_goes_on_keeping_the_index(mixed):
    """SQLite alters a table by copying it; a migration does so between remove and install."""
    standing.remove(connection)
    with connection.schema_editor() as editor:
        for model, name in ((PortRuntime, "user"), (PortNote, "owner")):
            old = model._meta.get_field(name)
            new = old.clone()
            new.max_length += 1
            new.set_attributes_from_name(name)
            new.model = model
            editor.alter_field(model, old, new, strict=True)
            editor.alter_field(model, new, old, strict=True)
    standing.install(connection)

    PortNote.objects.filter(port=7).update(risk_level="suspicious")
    PortRuntime.objects.filter(port=8).delete()

    assert kept() == afresh()


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("make", [note, reservation])
@pytest.mark.parametrize("host_id", ["a", EVERY_HOST])
def test_who_writes_a_fact_and_who_speaks_of_it_at_once_do_not_miss_each_other(
    make, host_id, hosts
):
    terms = {"risk_level": "trusted"} if make is note else {"process_name": "caddy"}

    def observe():
        with transaction.atomic():
            fact(("a", "tcp", 7)).save()
        connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            make((host_id, "tcp", 7), **terms).save()
            other = pool.submit(observe)
            wait_until_one_waits(other)
        other.result()

    assert kept() == afresh()


def wait_until_one_waits(other):
    """Return when another transaction waits for a lock of ours, or is through."""
    while not other.done():
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
        time.sleep(0.01)
