"""The history of a note: who changed what, from where it was moved, and what was deleted."""

import pytest
from django.utils import timezone

from notes import services
from notes.models import PortNote
from portatlas.board import line_diff, note_history

KEY = ("atlas", "tcp", 80)


@pytest.fixture
def alice(django_user_model):
    return django_user_model.objects.create_user("alice")


@pytest.fixture
def bob(django_user_model):
    return django_user_model.objects.create_user("bob")


def write(by, host_id="atlas", port=80, **fields):
    note = PortNote(host_id=host_id, protocol="tcp", port=port, **fields)
    return services.save(note, by=by)


def change(note, by, **fields):
    for name, value in fields.items():
        setattr(note, name, value)
    return services.save(note, by=by, seen=note.version)


def told(key=KEY, note=None):
    history = note_history.history(key, note)
    return [*history.fresh, *history.folded]


def test_every_version_says_who_wrote_it_and_what_differs(alice, bob):
    note = write(alice, title="Shop", tags=["web"])
    change(note, bob, risk_level="trusted", tags=["web", "prod"], owner="Shop team")

    changed, written = told(note=note)

    assert (written.what, written.who) == ("Written", "alice")
    assert written.differences == (
        ("title", "", "Shop"),
        ("type", "", "Unknown"),
        ("risk", "", "Expected"),
        ("tags", "", "web"),
    )
    assert (changed.what, changed.who) == ("Changed", "bob")
    assert changed.differences == (
        ("owner", "", "Shop team"),
        ("risk", "Expected", "Trusted"),
        ("tags", "web", "web, prod"),
    )


def test_a_description_is_told_line_by_line(alice):
    note = write(alice, description="One\nTwo\nThree")
    change(note, alice, description="One\n2\nThree\nFour")

    changed, written = told(note=note)

    assert changed.lines == (("-", "Two"), ("+", "2"), ("+", "Four"))
    assert [line.mark for line in written.lines] == ["+", "+", "+"]


def test_what_was_saved_as_it_was_says_so(alice):
    note = write(alice, title="Shop")
    change(note, alice)

    assert [version.is_empty for version in told(note=note)] == [True, False]


def test_a_note_keeps_its_history_when_it_moves(alice, bob):
    note = write(alice, port=8080, title="Shop")
    services.move(note, KEY, by=bob, seen=note.version)

    here, there = told(note=note), told(("atlas", "tcp", 8080))

    assert [(version.what, version.who) for version in here] == [
        ("Moved here from 8080/tcp on atlas", "bob"),
        ("Written", "alice"),
    ]
    assert [version.what for version in there] == [
        "Moved from 8080/tcp on atlas to 80/tcp on atlas",
        "Written",
    ]
    assert here[0].reason == ""


def test_a_note_that_moved_away_is_followed_no_further(alice):
    note = write(alice, title="Shop")
    services.move(note, ("atlas", "tcp", 81), by=alice, seen=note.version)
    change(note, alice, title="Something else")

    assert [version.what for version in told()] == [
        "Moved from 80/tcp on atlas to 81/tcp on atlas",
        "Written",
    ]


def test_a_deleted_note_is_told_beside_the_one_that_came_after_it(alice, bob):
    old = write(alice, title="Old")
    services.delete(old, by=bob, seen=old.version)
    new = write(alice, title="New")

    assert [(version.what, version.who) for version in told(note=new)] == [
        ("Written", "alice"),
        ("Deleted", "bob"),
        ("Written", "alice"),
    ]


def test_the_history_of_a_note_for_every_host_is_told_where_it_speaks(alice):
    write(alice, port=81, title="Another port")
    own = write(alice, title="Own")
    services.delete(own, by=alice, seen=own.version)
    note = write(alice, host_id="*", title="HTTP")

    assert [(version.what, version.about) for version in told(note=note)] == [
        ("Written", "for every host"),
        ("Deleted", ""),
        ("Written", ""),
    ]
    assert [version.about for version in told(note.key, note)] == [""]


def test_a_move_says_once_that_the_note_is_for_every_host(alice):
    note = write(alice, title="HTTP")
    services.move(note, ("*", "tcp", 80), by=alice, seen=note.version)

    latest = told(note=note)[0]

    assert (latest.what, latest.about) == (
        "Moved from 80/tcp on atlas to 80/tcp on every host",
        "",
    )


def test_a_version_of_nobody_is_somebodys(alice):
    note = write(alice)
    alice.delete()

    assert [version.who for version in told(note=note)] == ["somebody"]


def test_what_was_judged_at_once_for_many_is_told(alice, bob):
    note = write(alice, title="Shop")
    services.annotate([KEY], {"risk_level": "suspicious"}, by=bob, at=timezone.now())

    latest = told(note=note)[0]

    assert (latest.who, latest.differences) == ("bob", (("risk", "Expected", "Suspicious"),))


@pytest.mark.parametrize("versions", [1, 3, 30])
def test_a_history_is_one_query_however_long(versions, alice, django_assert_num_queries):
    note = write(alice)
    for number in range(versions - 1):
        change(note, alice, title=f"Title {number}")

    with django_assert_num_queries(1):
        history = note_history.history(KEY, note)

    assert len(history.fresh) + len(history.folded) == versions


def test_a_long_history_is_cut_at_its_beginning(alice):
    note = write(alice)
    for number in range(note_history.VERSIONS):
        change(note, alice, title=f"Title {number}")

    history = note_history.history(KEY, note)

    assert history.is_cut
    assert len(history.fresh) == note_history.FRESH
    assert history.folded[-1].differences == ()


def test_nothing_is_told_where_nothing_was_written(alice):
    write(alice, port=81)

    assert told() == []


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ("", "", []),
        ("a", "a\n", ["…only its line breaks changed"]),
        ("a\nb\nc", "a\nc", ["-b"]),
        ("a\na\na", "a\na", ["-a"]),
        ("a\nb\nc\nd\ne", "A\nb\nc\nd\nE", ["-a", "+A", "-e", "+E"]),
        ("", "x" * 500, ["+" + "x" * line_diff.WIDEST + "…"]),
    ],
)
def test_lines_that_differ_are_found(old, new, lines):
    assert ["".join(line) for line in line_diff.compare(old, new)] == lines


def test_long_texts_are_compared_as_a_whole_and_cut():
    old, new = ("\n".join(f"{word} {number}" for number in range(5000)) for word in "ab")

    lines = line_diff.compare(old, new)

    assert len(lines) == line_diff.MOST_LINES + 1
    assert lines[0] == ("-", "a 0")
    assert lines[-1] == ("…", "and 9940 more lines")
