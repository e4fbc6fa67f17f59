"""`manage.py notes`: what it prints, what it writes, and how it ends."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from notes.exchange import formats
from notes.management.commands.notes import BAD_FILE, CHANGED, NO_DATABASE
from notes.models import PortNote
from portatlas.terminal.exits import Exit
from tests.notes import overtaken

BY_HAND = "format: portatlas-notes\nversion: 1\nnotes:\n"
SHOP = f"{BY_HAND}- {{host_id: atlas, port: 80, title: Shop}}\n"
ROOT = Path(__file__).parents[2]


def run(*words):
    """Return what a command printed, and what it said beside it."""
    out, err = io.StringIO(newline=""), io.StringIO()
    call_command("notes", *map(str, words), stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def fails(*words):
    """Return how a command ended, what it printed, and why it failed."""
    out = io.StringIO()
    with pytest.raises(CommandError) as caught:
        call_command("notes", *map(str, words), stdout=out, stderr=io.StringIO())
    return caught.value.returncode, out.getvalue(), str(caught.value)


def titles():
    return dict(PortNote.objects.order_by("port").values_list("port", "title"))


@pytest.fixture
def file(tmp_path):
    """Return a function that writes a file."""

    def file(text, name="notes.yaml"):
        path = tmp_path / name
        path.write_text(text, newline="")
        return path

    return file


@pytest.mark.parametrize("name", ["a.yaml", "a.yml", "a.json", "a.csv", "a.bak"])
def test_an_export_can_be_imported_again(name, tmp_path, write_note):
    write_note(80, title="=Shop", description="a\r\nb", tags=["web"])
    write_note(53, host_id="*", protocol="udp")
    path = tmp_path / name
    run("export", path)
    data = path.read_bytes()
    PortNote.objects.all().delete()

    printed, _beside = run("import", path)

    run("export", path)
    assert path.read_bytes() == data
    assert printed == (
        "2 notes are new, 0 differ, 0 are the same.\n"
        "+ 53/udp on every host: “Reason 53”\n"
        "+ 80/tcp on atlas: “=Shop”\n"
    )


def test_an_export_is_printed_where_no_file_is_named(write_note):
    write_note(80, title="Zoë")
    write_note(81, host_id="beta")

    printed, _beside = run("export", "--host", "beta", "--format", "json")

    [note] = json.loads(printed)["notes"]
    assert (note["host_id"], note["port"]) == ("beta", 81)


@pytest.mark.parametrize("form", formats.Format)
def test_what_is_printed_is_the_same_bytes_as_the_file(form, tmp_path, write_note, capsysbinary):
    write_note(80, description="Zoë\r\n🦀")

    call_command("notes", "export", "--format", form)

    run("export", "--format", form, tmp_path / "file")
    assert capsysbinary.readouterr().out == (tmp_path / "file").read_bytes()


def test_who_may_read_a_file_stays_as_it_was_and_a_link_is_followed(tmp_path, write_note):
    write_note(80, title="Shop")
    file, link = tmp_path / "notes.yaml", tmp_path / "link.yaml"
    file.touch(0o640)
    link.symlink_to(file)

    run("export", link)

    assert link.is_symlink()
    assert "Shop" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o640


def test_what_is_no_file_is_written_into_and_never_replaced(tmp_path, write_note):
    write_note(80, title="Shop")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:  # noqa: S603, S607  # of this test
        run("export", pipe)
        printed = reader.stdout.read()

    assert b"Shop" in printed
    assert pipe.is_fifo()


def test_a_title_that_looks_like_a_number_stays_a_text_for_every_reader(write_note):
    write_note(80, title="0800")
    write_note(81, title="2027-01-31")

    printed, _ = run("export")

    assert 'title: "0800"' in printed
    assert 'title: "2027-01-31"' in printed


def test_a_file_that_cant_be_written_is_told_and_leaves_nothing(tmp_path, db):
    (tmp_path / "notes").mkdir()

    code, _printed, why = fails("export", tmp_path / "notes")

    assert code == BAD_FILE
    assert "can't be written: Is a directory." in why
    assert list(tmp_path.iterdir()) == [tmp_path / "notes"]


def test_where_something_differs_nothing_is_written(file, write_note):
    write_note(80, title="Old")
    path = file(f"{SHOP}- {{host_id: atlas, port: 81}}\n")

    code, printed, why = fails("import", path)

    assert code == CHANGED
    assert printed == (
        "1 note is new, 1 differs, 0 are the same.\n"
        "+ 81/tcp on atlas: without a title\n"
        "! 80/tcp on atlas, line 4:\n"
        "    title: here “Old”, in the file “Shop”\n"
    )
    assert why == "Nothing was written: say --replace to let the file win where it differs."
    assert titles() == {80: "Old"}


def test_the_file_wins_if_it_is_said(file, write_note):
    write_note(80, title="Old")
    write_note(82, title="Not in the file")

    printed, _beside = run("import", file(SHOP), "--replace")

    assert printed.splitlines()[:2] == [
        "0 notes are new, 1 replaced, 0 are the same.",
        "~ 80/tcp on atlas, line 4:",
    ]
    assert titles() == {80: "Shop", 82: "Not in the file"}
    assert PortNote.history.first().history_change_reason == "imported from notes.yaml"


@pytest.mark.parametrize("option", [[], ["--replace"]])
def test_who_is_always_overtaken_is_told_that_nothing_was_written(option, file, db, monkeypatch):
    overtaken.always(monkeypatch)

    code, printed, why = fails("import", file(SHOP), *option)

    assert (code, printed) == (CHANGED, "")
    assert why == (
        "Others keep writing the same notes at the same moments. Nothing was written: try again."
    )
    assert titles() == {}


def test_a_script_reads_that_it_was_overtaken_as_json(file, db, monkeypatch):
    overtaken.always(monkeypatch)

    code, printed, _why = fails("import", file(SHOP), "--json")

    assert (code, json.loads(printed)) == (CHANGED, {"outcome": "overtaken"})


@pytest.mark.parametrize("option", [[], ["--replace"]])
def test_a_dry_run_tells_the_same_and_writes_nothing(option, file, write_note):
    write_note(80, title="Old")
    path = file(SHOP)

    if option:
        printed, beside = run("import", path, "--dry-run", *option)
        assert beside == "A dry run: nothing was written.\n"
    else:
        code, printed, _why = fails("import", path, "--dry-run")
        assert code == CHANGED

    assert "title: here “Old”, in the file “Shop”" in printed
    assert titles() == {80: "Old"}


def test_a_script_reads_json(file, write_note):
    write_note(80, title="Old", tags=["a"])

    _code, printed, _why = fails("import", file(SHOP), "--json")

    assert json.loads(printed) == {
        "outcome": "conflicts",
        "replaced": False,
        "same": 0,
        "new": [],
        "conflicts": [
            {
                "host_id": "atlas",
                "protocol": "tcp",
                "port": 80,
                "line": 4,
                "differences": {"title": {"ours": "Old", "theirs": "Shop"}},
            }
        ],
    }


def test_a_script_reads_faults_as_json(file, db):
    code, printed, _why = fails("import", file(f"{BY_HAND}- 1\n- {{port: 0}}\n"), "--json")

    assert code == BAD_FILE
    assert [fault["line"] for fault in json.loads(printed)["faults"]] == [4, 5, 5]


def test_every_fault_is_told_and_nothing_written(file, db):
    path = file(f"{SHOP}- {{host_id: atlas, port: 0}}\n- {{host_id: atlas}}\n")

    code, printed, why = fails("import", path)

    assert (code, printed) == (BAD_FILE, "")
    assert why.splitlines() == [
        f"{path} can't be taken, and nothing of it was:",
        "line 5: 'port': '0' is no port: a port is a number from 1 to 65535.",
        "line 6: port: nothing is said, and each note needs it.",
    ]
    assert titles() == {}


def test_an_edited_file_is_taken_if_it_is_said(file, tmp_path, write_note):
    write_note(80, title="Shop")
    run("export", tmp_path / "a.csv")
    path = file((tmp_path / "a.csv").read_bytes().decode().replace("Shop", "Store"), "b.csv")

    code, _printed, why = fails("import", path)
    run("import", path, "--edited", "--replace")

    assert code == BAD_FILE
    assert why.endswith("If you edited it, say --edited, and it is taken as it is.")
    assert titles() == {80: "Store"}


def test_a_terminal_is_not_commanded_by_a_note(file, write_note):
    write_note(80, title="\x1b[2J")

    _code, printed, _why = fails("import", file(SHOP))

    assert "\\x1b[2J" in printed
    assert "\x1b" not in printed


def test_the_file_of_another_program_is_for_a_draft(file, db):
    code, _printed, why = fails("import", file("services:\n  a: {}\n", "compose.yaml"))

    assert code == BAD_FILE
    assert "notes draft --from compose" in why


@pytest.mark.parametrize("words", [["import"], ["draft", "--from", "nmap"]])
def test_a_file_that_cant_be_read_is_told(words, tmp_path, db):
    code, _printed, why = fails(*words, tmp_path / "none")

    assert code == BAD_FILE
    assert "can't be read: No such file or directory." in why


COMPOSE = "services:\n  db:\n    ports: ['5432:5432', 9]\n"


def test_a_draft_is_a_file_and_no_note(file, tmp_path, settings, db):
    settings.PORTATLAS_HOST_ID = "here"
    path = tmp_path / "draft.yaml"

    _printed, beside = run("draft", "--from", "compose", file(COMPOSE), "-o", path)

    assert beside == "line 3: db: docker chooses the port for 9 when it starts.\n"
    assert "- host_id: here\n  protocol: tcp\n  port: 5432\n  title: db\n" in path.read_text()
    assert titles() == {}
    run("import", path)
    assert titles() == {5432: "db"}


def test_a_draft_is_of_the_host_that_is_named(file, db):
    printed, _beside = run("draft", "--from", "compose", file(COMPOSE), "--host", "there")

    assert "- host_id: there\n" in printed


def test_a_draft_is_no_table(file, tmp_path, db):
    code, _printed, why = fails(
        "draft", "--from", "compose", file(COMPOSE), "-o", tmp_path / "a.csv"
    )

    assert (code, why) == (BAD_FILE, "A draft is YAML or JSON.")


def test_without_its_tables_the_database_is_told(db):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE notes_portnote RENAME TO away")

    code, _printed, why = fails("export")

    assert code == NO_DATABASE
    assert "Run python3 manage.py migrate first." in why


def test_the_exit_codes_are_those_of_all_commands():
    assert (NO_DATABASE, BAD_FILE, CHANGED) == (Exit.FAILED, Exit.USAGE, Exit.CHANGED)


def test_the_exit_codes_are_those_that_are_promised(tmp_path, new_database):
    """As a shell sees them, with the file in its pipe."""
    environment = os.environ | {
        "PORTATLAS_BOOTSTRAP": "off",
        "PORTATLAS_DATA": str(tmp_path),
        "DATABASE_URL": f"sqlite:///{tmp_path}/atlas.sqlite3",
    }

    def ends_with(*words, text=""):
        command = [sys.executable, ROOT / "manage.py", *words]
        return subprocess.run(  # noqa: S603  # our own command
            command, env=environment, input=text.encode(), capture_output=True, check=False
        ).returncode

    assert ends_with("notes", "export") == NO_DATABASE
    new_database(tmp_path, "atlas.sqlite3")
    assert ends_with("notes", "export") == 0
    assert ends_with("notes", "import", "-", text=SHOP) == 0
    assert ends_with("notes", "import", "-", text=SHOP.replace("Shop", "Store")) == CHANGED
    assert ends_with("notes", "import", "-", text="nothing") == BAD_FILE
    assert ends_with("notes", "imprt") == BAD_FILE
