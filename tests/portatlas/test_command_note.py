"""`note` as people and scripts run it."""

import io
import json
from functools import partial

import pytest
import time_machine

from notes import services
from notes.models import EVERY_HOST, LONGEST, PortNote
from portatlas.terminal.exits import Exit
from tests.conftest import NOON
from tests.portatlas.command import run


@pytest.fixture(autouse=True)
def _here(settings):
    settings.PORTATLAS_HOST_ID = "here"
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def note(capsys):
    """Return a function that runs `note` and returns what it printed and how it ended."""

    return partial(run, capsys, "note")


@pytest.fixture
def type_in(monkeypatch):
    """Return a function that gives what is read from standard input."""

    def type_in(raw, meanwhile=lambda: None):
        class Input:
            buffer = io.BytesIO(raw)

        def read(size, read=Input.buffer.read):
            meanwhile()
            return read(size)

        monkeypatch.setattr("sys.stdin", Input)
        Input.buffer.read = read

    return type_in


def said(note):
    return [getattr(note, name) for name in ("title", "risk_level", "owner", "tags")]


def test_a_note_is_written_with_all_that_is_said_and_told(note, open_port):
    open_port(8080)

    out, err, code = note(
        "8080",
        *("--title", "Shop", "--risk", "trusted", "--owner", "alice", "--type", "web"),
        *("--tags", "Web, shop", "--scope", "private", "--review-by", "2027-01-31"),
        *("--description", "Ask *her*."),
    )

    written = PortNote.objects.get()
    assert out.splitlines() == [
        "Wrote the note about 8080/tcp on atlas.",
        "  title: nothing → “Shop”",
        "  description:",
        "    + Ask *her*.",
        "  owner: nothing → “alice”",
        "  type: nothing → “web”",
        "  risk: nothing → “trusted”",
        "  tags: nothing → “web, shop”",
        "  scope: nothing → “private”",
        "  review by: nothing → “2027-01-31”",
    ]
    assert (err, code, written.key) == ("", Exit.DONE, ("atlas", "tcp", 8080))
    assert said(written) == ["Shop", "trusted", "alice", ["web", "shop"]]


def test_what_is_not_said_stays_and_nothing_clears_it(note, open_port, write_note):
    open_port(22)
    write_note(22, title="Shell", owner="ops", tags=["a"], risk_level="trusted")

    out, _, _ = note("22", "--owner", "", "--add-tags", "b a")

    assert out.splitlines() == [
        "Changed the note about 22/tcp on atlas.",
        "  owner: “ops” → nothing",
        "  tags: “a” → “a, b”",
    ]
    assert said(PortNote.objects.get()) == ["Shell", "trusted", "", ["a", "b"]]


@pytest.mark.parametrize("option", ["--tags", "--add-tags"])
@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("A b", "A tag has no blank, so “A b” was read as “a”, “b”."),
        ("Web, shop,web,", ""),
    ],
)
def test_tags_that_a_blank_has_split_are_told(option, typed, told, note, db):
    _, err, code = note("8080", option, typed)

    assert (err.strip(), code) == (told, Exit.DONE)


def test_each_change_is_kept_in_the_history_of_the_note(note, open_port):
    open_port(22)

    note("22", "--title", "One")
    note("22", "--title", "Two")
    note("22", "--delete")

    lines = PortNote.history.order_by("history_id").values_list("history_type", "title")
    assert list(lines) == [("+", "One"), ("~", "Two"), ("-", "Two")]


def test_saying_the_same_again_writes_nothing(note, write_note):
    write_note(22, title="Shell")

    out, _, code = note("22", "--title", "Shell")

    assert (out, code) == ("Nothing changed: the note says that already.\n", Exit.DONE)
    assert (PortNote.objects.get().version, PortNote.history.count()) == (1, 1)


def test_a_note_about_a_port_that_was_never_seen_is_one_about_this_machine(note, db):
    out, _, code = note("8080", "--title", "Soon")

    assert out.splitlines()[0] == "Wrote the note about 8080/tcp on here."
    assert out.splitlines()[-1] == "That port was never seen."
    assert (PortNote.objects.get().key, code) == (("here", "tcp", 8080), Exit.DONE)


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        (["5353"], ("atlas", "udp", 5353)),
        (["atlas:53/tcp"], ("atlas", "tcp", 53)),
        (["53", "--host", "db-1"], ("db-1", "udp", 53)),
        (["53", "--host", "*", "--protocol", "udp"], (EVERY_HOST, "udp", 53)),
        (["5353", "--host", "*"], (EVERY_HOST, "udp", 5353)),
        (["5353", "--host", "new"], ("new", "udp", 5353)),
        (["123"], (EVERY_HOST, "udp", 123)),
    ],
)
def test_what_is_not_said_of_a_port_is_taken_from_what_is_known(
    arguments, key, note, open_port, write_note
):
    open_port(5353, protocol="udp")
    open_port(53)
    open_port(53, protocol="udp")
    open_port(53, protocol="udp", host_id="db-1")
    write_note(123, protocol="udp", host_id=EVERY_HOST, title="Time")

    _, _, code = note(*arguments, "--title", "Written")

    assert (PortNote.objects.get(title="Written").key, code) == (key, Exit.DONE)


def test_a_number_that_may_mean_several_ports_is_told_with_all_of_them(note, open_port):
    open_port(53)
    open_port(53, protocol="udp")

    _, err, code = note("53", "--title", "Names")

    assert err == (
        "53 may be one of 2: 53/tcp on atlas, 53/udp on atlas. Say which, as host:port/protocol."
    )
    assert (code, PortNote.objects.count()) == (Exit.USAGE, 0)


def test_a_port_for_which_another_note_spoke_gets_its_own_with_all_of_that(
    note, open_port, write_note
):
    open_port(22)
    write_note(22, host_id=EVERY_HOST, title="Shell", owner="ops", risk_level="expected")

    out, _, _ = note("22", "--risk", "trusted")

    own = PortNote.objects.get(host_id="atlas")
    assert said(own) == ["Shell", "trusted", "ops", []]
    assert out.splitlines() == [
        "Wrote the note about 22/tcp on atlas.",
        "  risk: “expected” → “trusted”",
        "The note for every host spoke for it; it has its own now, with the rest.",
    ]


def test_a_description_comes_from_standard_input_whole(note, type_in, write_note):
    write_note(22, description="one\ntwo")
    type_in("one\nzwei ✓\n".encode())

    out, _, _ = note("22", "--description", "-")

    assert PortNote.objects.get().description == "one\nzwei ✓"
    assert out.splitlines()[1:] == ["  description:", "    - two", "    + zwei ✓"]


def test_whom_somebody_else_overtook_is_told_and_nothing_is_written(note, type_in, write_note):
    theirs = write_note(22, title="Shell")
    theirs.owner = "they"
    type_in(b"mine", meanwhile=lambda: services.save(theirs, by=None, seen=1))

    _, err, code = note("22", "--description", "-")

    assert err.startswith("Somebody else changed or deleted this note meanwhile. Nothing was ")
    assert code == Exit.CHANGED
    assert (PortNote.objects.get().owner, PortNote.objects.get().description) == ("they", "")


def test_whom_somebody_else_overtook_with_a_first_note_is_told(note, type_in, open_port):
    open_port(22)
    theirs = PortNote(host_id="atlas", protocol="tcp", port=22, title="Theirs")
    type_in(b"mine", meanwhile=lambda: services.save(theirs, by=None))

    _, err, code = note("22", "--description", "-")

    assert "already a note about" in err
    assert (code, PortNote.objects.get().title) == (Exit.CHANGED, "Theirs")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--title", "x" * 201], "--title: Ensure this value has at most 200 characters"),
        (["--tags", "ä"], "--tags: 'ä' is no tag: "),
        (["--add-tags", " ".join(f"t{n}" for n in range(31))], "--tags: A note has at most 30"),
        (["--owner", "x" * 101], "--owner: Ensure this value has at most 100 characters"),
        (["--description", "x" * (LONGEST + 1)], "--description: Ensure this value has at most"),
        (["--review-by", "tomorrow"], "--review-by takes a date like 2027-01-31"),
        (["--review-by", "31/01/2027"], "--review-by takes a date like 2027-01-31"),
        (["--review-by", "2027W014"], "--review-by takes a date like 2027-01-31"),
        (["--review-by", "20270131"], "--review-by takes a date like 2027-01-31"),
        (["--title", "a\udcff"], "a\\xff is no UTF-8 text."),
        (["--title", "a\x00"], "a\\x00 is no UTF-8 text."),
        (["--host", "a b", "--title", "x"], "--host: A host's name has letters, digits"),
        (["--host", "h" * 65, "--title", "x"], "--host: Ensure this value has at most 64"),
        (["--delete", "--title", "x"], "--delete goes alone: "),
    ],
)
def test_what_makes_no_sense_is_told_by_its_option_and_nothing_is_written(
    arguments, told, note, db
):
    _, err, code = note("8080", *arguments)

    assert err.removeprefix("Nothing was written. ").startswith(told)
    assert (code, PortNote.objects.count()) == (Exit.USAGE, 0)


@pytest.mark.parametrize("raw", [b"nul \x00", b"\xff", b"x" * (4 * LONGEST + 9)])
def test_what_is_no_text_is_refused(raw, note, type_in, db):
    type_in(raw)

    _, err, code = note("8080", "--description", "-")

    assert err.startswith("Nothing was written")
    assert (code, PortNote.objects.count()) == (Exit.USAGE, 0)


def test_without_anything_said_the_note_is_shown(note, write_note):
    write_note(22, title="Shell", tags=["a"])
    write_note(53, host_id=EVERY_HOST, title="Names", protocol="udp")

    out, _, code = note("22")
    of_all, _, _ = note("db-1:53")
    machine, _, _ = note("22", "--json")
    _, err, unknown = note("81")

    assert out.splitlines()[:4] == ["22/tcp on atlas", "", "Note", "  Shell"]
    assert "It speaks for every host without a note of its own." in of_all
    assert (json.loads(machine)["title"], json.loads(machine)["tags"]) == ("Shell", ["a"])
    assert (code, unknown) == (Exit.DONE, Exit.NOTHING)
    assert err == "There is no note about 81/tcp on here.\n"


def test_a_note_is_printed_as_json_when_it_is_written(note, db):
    out, _, _ = note("8080", "--title", "Shop", "--json")

    assert json.loads(out)["title"] == "Shop"


def test_a_note_is_deleted_but_that_for_every_host_only_by_its_name(note, open_port, write_note):
    open_port(22)
    write_note(22)
    write_note(22, host_id=EVERY_HOST)

    own, _, _ = note("22", "--delete")
    _, err, refused = note("22", "--delete")
    of_all, _, _ = note("22", "--delete", "--host", "*")
    _, _, gone = note("22", "--delete")

    assert own == "Deleted the note about 22/tcp on atlas. Its history stays.\n"
    assert err.endswith("if that is meant, delete it with --host '*'.")
    assert of_all == "Deleted the note about 22/tcp on every host. Its history stays.\n"
    assert (refused, gone) == (Exit.USAGE, Exit.NOTHING)
    assert PortNote.objects.count() == 0


def test_a_note_for_every_host_alone_is_not_deleted_by_its_number(note, write_note):
    write_note(123, host_id=EVERY_HOST)

    _, _, code = note("123", "--delete")

    assert (code, PortNote.objects.count()) == (Exit.USAGE, 1)


@pytest.mark.parametrize("count", [1, 3])
def test_writing_takes_the_same_statements_on_one_host_and_on_three(
    count, note, open_port, write_note, django_assert_num_queries
):
    """
    Two to find what is meant; whether its key is taken, and five constraints, each in a savepoint;
    and the lock, the note and its history, in two savepoints.
    """
    for number in range(count):
        open_port(22, host_id=f"host-{number}")
        write_note(22, host_id=f"host-{number}")

    with django_assert_num_queries(25):
        note("host-0:22", "--title", "Shell")
