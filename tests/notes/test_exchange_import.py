"""What an import would do, and what it does: all of a file, or nothing."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier

import pytest
from django.db import connection

from notes.exchange import formats, services
from notes.exchange.entry import Entry
from notes.exchange.formats import Format
from notes.exchange.plan import Difference
from notes.exchange.services import NotWrittenError
from notes.models import PortNote
from notes.services import NoteChangedError
from tests.conftest import NOON
from tests.notes import overtaken


@pytest.fixture
def alice(django_user_model):
    return django_user_model.objects.create_user("alice")


def entry(port=80, *, host_id="atlas", protocol="tcp", **said):
    return Entry((host_id, protocol, port), said, line=port)


def write(*entries, replace=False, by=None, agreed=None):
    return services.write(
        entries, replace=replace, by=by, at=NOON, reason="imported from a.yaml", agreed=agreed
    )


def titles():
    return dict(PortNote.objects.order_by("port").values_list("port", "title"))


@pytest.mark.parametrize("form", Format)
def test_an_empty_database_becomes_the_same_as_the_one_that_was_exported(form, write_note):
    write_note(80, description="=1\r\n two\n", owner="Zoë", tags=["web", "b"], expected_scope="any")
    write_note(53, host_id="*", protocol="udp", service_type="dns", risk_level="trusted")
    write_note(22, host_id="Zeta", title=" 0800", review_by=date(2026, 2, 28))
    data = formats.dump(services.collect(PortNote.objects.all()), form)
    PortNote.objects.all().delete()

    services.write(
        formats.load(formats.decode(data), form).entries,
        replace=False,
        by=None,
        at=NOON,
        reason="restored",
    )

    assert formats.dump(services.collect(PortNote.objects.all()), form) == data
    assert PortNote.objects.count() == 3


def test_what_is_new_is_made_and_what_is_the_same_is_left_alone(write_note):
    write_note(80, title="Shop", owner="bob")

    plan = write(entry(80, title="Shop"), entry(81, title="New"))

    assert ([change.key[2] for change in plan.new], plan.same, plan.conflicts) == ([81], 1, ())
    assert titles() == {80: "Shop", 81: "New"}
    assert PortNote.objects.get(port=80).version == 1


def test_where_something_differs_nothing_is_written(write_note):
    write_note(80, title="Shop", owner="bob")

    with pytest.raises(NotWrittenError) as caught:
        write(entry(80, title="Store", owner="bob"), entry(81, title="New"))

    [conflict] = caught.value.plan.conflicts
    assert (conflict.line, conflict.differences) == (80, (Difference("title", "Shop", "Store"),))
    assert titles() == {80: "Shop"}


def test_the_file_wins_if_it_is_said(write_note, alice):
    write_note(80, title="Shop", owner="bob", created_by=alice)
    write_note(81, title="Not in the file")

    write(entry(80, title="Store"), entry(82, title="New"), replace=True, by=alice)

    note = PortNote.objects.get(port=80)
    assert (note.title, note.owner, note.version, note.updated_by) == ("Store", "bob", 2, alice)
    assert titles() == {80: "Store", 81: "Not in the file", 82: "New"}


def test_the_history_says_who_did_it_and_from_which_file(write_note, alice):
    write_note(80, title="Shop")

    write(entry(80, title="Store"), entry(81, title="New"), replace=True, by=alice)

    lines = PortNote.history.filter(history_change_reason="imported from a.yaml")
    assert set(lines.values_list("port", "history_type", "history_user__username")) == {
        (80, "~", "alice"),
        (81, "+", "alice"),
    }
    assert {line.history_date for line in lines} == {NOON}


def test_a_new_note_begins_as_the_one_for_every_host(write_note):
    write_note(22, host_id="*", title="SSH", owner="ops", tags=["admin"])

    write(entry(22, title="SSH of atlas"))

    note = PortNote.objects.get(host_id="atlas")
    assert (note.title, note.owner, note.tags) == ("SSH of atlas", "ops", ["admin"])


def test_no_version_comes_twice(write_note, alice):
    write_note(80).delete()

    write(entry(80, title="Again"))

    assert PortNote.objects.get().version > 1


def test_another_plan_than_was_agreed_to_is_not_carried_out(write_note):
    agreed = services.look([entry(80, title="Store")]).digest
    write_note(80, title="Somebody else's")

    with pytest.raises(NotWrittenError) as caught:
        write(entry(80, title="Store"), replace=True, agreed=agreed)

    assert titles() == {80: "Somebody else's"}
    write(entry(80, title="Store"), replace=True, agreed=caught.value.plan.digest)
    assert titles() == {80: "Store"}


@pytest.mark.parametrize("replace", [False, True])
def test_who_is_always_overtaken_has_written_nothing(replace, db, monkeypatch):
    overtaken.always(monkeypatch)

    with pytest.raises(NoteChangedError, match="Others keep writing the same notes"):
        write(entry(80, title="Ours"), entry(81), replace=replace)

    assert titles() == {}


def test_looking_writes_nothing(write_note):
    write_note(80, title="Shop")

    plan = services.look([entry(80, title="Store"), entry(81)])

    assert (len(plan.new), len(plan.conflicts)) == (1, 1)
    assert titles() == {80: "Shop"}


@pytest.mark.parametrize("count", [1, 3])
def test_any_number_costs_the_same(count, write_note, django_assert_num_queries):
    for port in range(1, 1 + count):
        write_note(port, title="Old")
    new = [entry(port, host_id="other", title="New") for port in range(1, 1 + count)]
    changed = [entry(port, title="New") for port in range(1, 1 + count)]

    # What is there.
    with django_assert_num_queries(1):
        services.look([*new, *changed])
    # The numbers of notes, and these, to lock them; what is there; numbers, and these, once more;
    # versions; new ones and their history, changed ones and theirs; two transactions, one within
    # the other.
    with django_assert_num_queries(14):
        write(*new, *changed, replace=True)


@pytest.mark.parametrize("count", [1, 3])
def test_an_export_is_one_query(count, write_note, django_assert_num_queries):
    for port in range(1, 1 + count):
        write_note(port)

    with django_assert_num_queries(1):
        services.collect(PortNote.objects.all())


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_of_two_who_import_the_same_each_note_is_made_once():
    both = Barrier(2)

    def one(number):
        try:
            both.wait(timeout=30)
            return write(*(entry(port, title="Same") for port in range(1, 40))).same
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        same = sorted(pool.map(one, range(2)))

    assert same == [0, 39]
    assert PortNote.objects.count() == 39


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_imports_of_the_same_notes_in_other_orders_never_wait_for_each_other(
    monkeypatch, write_note
):
    """Each of many chunks locks some: were they in the order of the files, it would be a knot."""
    monkeypatch.setattr(services, "MOST", 2)
    ports = range(1, 41)
    for port in [*ports][::3]:
        write_note(port, title="Old")
    both = Barrier(2)

    def one(number):
        entries = [entry(port, title=f"By {number}") for port in ports]
        try:
            for _round in range(5):
                both.wait(timeout=30)
                write(*entries[:: 1 if number else -1], replace=True)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, range(2)))

    assert len(set(titles().values())) == 1
    assert PortNote.objects.count() == len(ports)
