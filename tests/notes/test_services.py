"""Writing memory: who did it, which version it is, and what of it is history."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from notes import services
from notes.models import EVERY_HOST, PortNote
from notes.services import NoteChangedError, NoteExistsError, Written
from tests.conftest import NOON

HOSTILE = "'\"\\ %s {} \u2028 \U0001f980 \x1b[31m </script> -- ; DROP TABLE notes_portnote"


@pytest.fixture
def alice(django_user_model):
    return django_user_model.objects.create_user("alice")


@pytest.fixture
def bob(django_user_model):
    return django_user_model.objects.create_user("bob")


def keys(count):
    return [("atlas", "tcp", 1000 + number) for number in range(count)]


def history():
    """Return (how, who, why, title) of every line of history, the oldest first."""
    rows = PortNote.history.order_by("history_id").select_related("history_user")
    return [
        (row.history_type, str(row.history_user), row.history_change_reason, row.title)
        for row in rows
    ]


def test_a_new_note_has_its_writer_and_begins_its_history(alice):
    note = services.save(PortNote(host_id="atlas", port=80, title="Shop"), by=alice)

    note.refresh_from_db()
    assert (note.version, note.created_by, note.updated_by) == (1, alice, alice)
    assert history() == [("+", "alice", None, "Shop")]


def test_who_changes_a_note_is_told_apart_from_who_wrote_it(write_note, alice, bob):
    note = services.save(PortNote(host_id="atlas", port=80, title="Shop"), by=alice)

    note.title = "The shop"
    services.save(note, by=bob, seen=1)

    note.refresh_from_db()
    assert (note.version, note.created_by, note.updated_by) == (2, alice, bob)
    assert history() == [("+", "alice", None, "Shop"), ("~", "bob", None, "The shop")]


def test_of_two_who_read_the_same_version_the_second_is_told(write_note, alice, bob):
    first, second = (PortNote.objects.get(pk=pk) for pk in [write_note(80).pk] * 2)
    first.title, second.title = "Alice's", "Bob's"
    services.save(first, by=alice, seen=1)

    with pytest.raises(NoteChangedError):
        services.save(second, by=bob, seen=1)

    assert PortNote.objects.get().title == "Alice's"


@pytest.mark.parametrize("seen", [None, 0, 2])
def test_a_note_is_not_saved_by_who_has_not_read_it(seen, write_note, alice):
    note = write_note(80)
    note.title = "Unread"

    with pytest.raises(NoteChangedError):
        services.save(note, by=alice, seen=seen)

    assert PortNote.objects.get().title == "Reason 80"


def test_a_deleted_note_is_not_saved_again(write_note, alice):
    note = write_note(80)
    PortNote.objects.all().delete()

    with pytest.raises(NoteChangedError):
        services.save(note, by=alice, seen=1)

    assert PortNote.objects.count() == 0


def test_a_second_note_about_a_port_is_refused_by_name(write_note, alice):
    write_note(80)

    with pytest.raises(NoteExistsError, match=r"80/tcp on atlas\."):
        services.save(PortNote(host_id="atlas", port=80), by=alice)

    assert PortNote.objects.get().title == "Reason 80"


def test_annotating_makes_notes_and_changes_notes(write_note, alice):
    old = write_note(1000, owner="ops", risk_level="expected")

    written = services.annotate(keys(3), {"risk_level": "trusted"}, by=alice, at=NOON)

    assert written == Written(created=2, changed=1, before=("expected",))
    old.refresh_from_db()
    assert (old.risk_level, old.owner, old.version, old.updated_by) == ("trusted", "ops", 2, alice)
    assert old.updated_at == NOON
    new = PortNote.objects.get(port=1001)
    assert (new.risk_level, new.version, new.created_by) == ("trusted", 1, alice)


def test_what_stays_as_it_was_is_not_written(write_note, alice):
    note = write_note(1000, risk_level="trusted", tags=["web"])

    written = services.annotate(
        keys(1), {"risk_level": "trusted"}, by=alice, at=NOON, add_tags=["web"]
    )

    assert written == Written(created=0, changed=0)
    note.refresh_from_db()
    assert (note.version, note.updated_by) == (1, None)


def test_tags_are_added_once_behind_those_that_are_there(write_note, alice):
    write_note(1000, tags=["web", "prod"])

    services.annotate(keys(2), {}, by=alice, at=NOON, add_tags=["new", "web", "new"])

    assert list(PortNote.objects.values_list("tags", flat=True)) == [
        ["web", "prod", "new"],
        ["new", "web"],
    ]


def test_too_many_tags_are_refused_before_anything_is_written(write_note, alice):
    write_note(1001, tags=[f"t{number}" for number in range(30)])

    with pytest.raises(ValidationError):
        services.annotate(keys(2), {"owner": "ops"}, by=alice, at=NOON, add_tags=["more"])

    assert list(PortNote.objects.values_list("owner", flat=True)) == [""]


def test_a_port_for_which_another_note_spoke_gets_its_own_that_says_the_same(write_note, alice):
    shared = write_note(
        1000,
        host_id=EVERY_HOST,
        title="SSH",
        description="**Shell**",
        owner="ops",
        service_type="remote",
        risk_level="expected",
        tags=["shell"],
        expected_scope="private",
        review_by=NOON.date(),
    )

    written = services.annotate(
        keys(1), {"risk_level": "trusted"}, by=alice, at=NOON, add_tags=["bastion"]
    )

    assert written == Written(1, 0, before=("expected",), copied=tuple(keys(1)))
    own = PortNote.objects.get(host_id="atlas")
    said = {name: getattr(own, name) for name in services.INHERITED}
    assert said == {name: getattr(shared, name) for name in services.INHERITED} | {
        "risk_level": "trusted",
        "tags": ["shell", "bastion"],
    }
    shared.refresh_from_db()
    assert (shared.version, shared.tags) == (1, ["shell"])


def test_all_that_a_note_says_is_inherited():
    ours = {"id", *("host_id", "protocol", "port"), "version"}
    of_time = {"created_at", "updated_at", "created_by", "updated_by"}

    assert {field.name for field in PortNote._meta.concrete_fields} - ours - of_time == {
        *services.INHERITED
    }


def test_the_note_for_every_host_is_annotated_itself_when_it_is_named(write_note, alice):
    write_note(22, host_id=EVERY_HOST)

    written = services.annotate([(EVERY_HOST, "tcp", 22)], {"owner": "ops"}, by=alice, at=NOON)

    assert written == Written(created=0, changed=1)
    assert PortNote.objects.get().owner == "ops"


def test_a_port_whose_note_changed_since_it_was_read_is_refused(write_note, alice):
    write_note(1000)
    write_note(1002)
    read = {keys(3)[0]: 1, keys(3)[1]: 1, keys(3)[2]: 7}

    written = services.annotate(keys(3), {"owner": "ops"}, by=alice, at=NOON, seen=read)

    assert written == Written(0, 1, tuple(keys(3)[1:]))
    assert [note.port for note in PortNote.objects.filter(owner="ops")] == [1000]


def test_each_annotated_note_has_its_line_of_history(write_note, alice):
    write_note(1000, title="Old")

    services.annotate(keys(2), {"title": "New"}, by=alice, at=NOON)

    assert sorted(history()) == [
        ("+", "None", None, "Old"),
        ("+", "alice", None, "New"),
        ("~", "alice", None, "New"),
    ]


def test_at_most_so_many_notes_are_written_at_once(alice):
    many = [("atlas", "tcp", 1 + number) for number in range(services.MOST + 5)]

    written = services.annotate(many, {}, by=alice, at=NOON)

    assert written == Written(created=services.MOST, changed=0)


# A savepoint, the notes of the ports, the last versions there, the new ones and their history, the
# changed ones and theirs, and the savepoint's end. SQLite takes 999 values in a statement: a
# hundred rows are two.
IN_TWO = 3 if connection.vendor == "sqlite" else 0


@pytest.mark.parametrize(("count", "queries"), [(1, 8), (3, 8), (100, 8 + IN_TWO)])
def test_annotating_costs_a_few_statements_however_many(
    count, queries, write_note, alice, django_assert_num_queries
):
    for _host_id, _protocol, port in keys(count):
        write_note(port, host_id="old")
    both = [key for each in keys(count) for key in (each, ("old", *each[1:]))]

    with django_assert_num_queries(queries):
        written = services.annotate(both, {"owner": "ops"}, by=alice, at=NOON, add_tags=["x"])

    assert written == Written(created=count, changed=count)


def test_a_moved_note_says_where_it_came_from(write_note, alice):
    note = write_note(8080, title="Shop")

    services.move(note, ("atlas", "tcp", 8081), by=alice, seen=1)

    moved = PortNote.objects.get()
    assert (moved.pk, moved.key, moved.version) == (note.pk, ("atlas", "tcp", 8081), 2)
    assert history()[-1] == ("~", "alice", "moved from 8080/tcp on atlas", "Shop")


def test_a_note_is_not_moved_onto_another(write_note, alice):
    note = write_note(8080)
    write_note(8081)

    with pytest.raises(NoteExistsError, match="8081/tcp on atlas"):
        services.move(note, ("atlas", "tcp", 8081), by=alice, seen=1)

    assert [each.port for each in PortNote.objects.all()] == [8080, 8081]
    assert len(history()) == 2


def test_a_note_that_changed_meanwhile_is_neither_moved_nor_deleted(write_note, alice, bob):
    note = write_note(8080)
    services.annotate([note.key], {"owner": "ops"}, by=bob, at=NOON)

    with pytest.raises(NoteChangedError):
        services.move(note, ("atlas", "tcp", 8081), by=alice, seen=1)
    with pytest.raises(NoteChangedError):
        services.delete(note, by=alice, seen=1)

    assert PortNote.objects.get().port == 8080


def test_a_deleted_note_leaves_its_history_and_who_deleted_it(write_note, alice):
    note = write_note(80, title="Shop")

    services.delete(note, by=alice, seen=1)

    assert PortNote.objects.count() == 0
    assert history() == [("+", "None", None, "Shop"), ("-", "alice", None, "Shop")]


def save_anew(key, by):
    host_id, protocol, port = key
    services.save(PortNote(host_id=host_id, protocol=protocol, port=port), by=by)


def annotate_anew(key, by):
    services.annotate([key], {}, by=by, at=NOON)


def move_there(key, by):
    note = services.save(PortNote(host_id="other", port=1), by=by)
    services.move(note, key, by=by, seen=note.version)


def leave_by_deletion(note, by):
    services.delete(note, by=by, seen=note.version)


def leave_by_deletion_with_others(note, by):
    services.delete_many([note], by=by, at=NOON)


def leave_by_a_move(note, by):
    services.move(note, ("atlas", "tcp", 9), by=by, seen=note.version)


@pytest.mark.parametrize("come", [save_anew, annotate_anew, move_there])
@pytest.mark.parametrize(
    "leave", [leave_by_deletion, leave_by_deletion_with_others, leave_by_a_move]
)
def test_no_version_of_a_port_comes_twice(leave, come, alice):
    """Else a form that shows the note that was there would write over the one that is."""
    key = ("atlas", "tcp", 80)
    seen = []
    for _ in range(3):
        come(key, alice)
        note = PortNote.objects.get(host_id="atlas", port=80)
        seen.append(note.version)
        services.save(note, by=alice, seen=note.version)
        seen.append(note.version)
        leave(note, alice)
        PortNote.objects.filter(port=9).delete()

    assert seen == sorted(set(seen))


def test_the_versions_of_a_port_are_its_own(alice):
    save_anew(("atlas", "tcp", 80), alice)
    for key in (("atlas", "udp", 80), ("beta", "tcp", 80), ("atlas", "tcp", 81)):
        save_anew(key, alice)

    assert set(PortNote.objects.values_list("version", flat=True)) == {1}


def test_hostile_words_are_kept_as_they_are(alice):
    services.annotate(
        keys(1), {"title": HOSTILE, "description": HOSTILE, "owner": HOSTILE}, by=alice, at=NOON
    )
    services.annotate(keys(1), {"owner": HOSTILE[::-1]}, by=alice, at=NOON + timedelta(seconds=1))

    note = PortNote.objects.get()
    assert (note.title, note.description, note.owner) == (HOSTILE, HOSTILE, HOSTILE[::-1])
    assert note.history.first().owner == HOSTILE[::-1]


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_of_two_who_write_the_same_new_note_at_once_one_is_told(alice, bob):
    together = Barrier(2)

    def write(user):
        together.wait()
        try:
            services.save(PortNote(host_id="atlas", port=80, title=user.username), by=user)
        except NoteExistsError:
            return "told"
        finally:
            connection.close()
        return user.username

    with ThreadPoolExecutor(2) as pool:
        outcome = sorted(pool.map(write, [alice, bob]))

    assert outcome == [PortNote.objects.get().title, "told"]
