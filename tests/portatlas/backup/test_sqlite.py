"""Backups of SQLite: its file, who else has it open, and what is left of a damaged one."""

import os
import sqlite3
import stat
import subprocess
import sys
import tarfile
from contextlib import closing, contextmanager

import pytest
import time_machine
from django.core.management import call_command
from django.db import connection

from notes.models import PortNote
from portatlas.backup import sqlite
from portatlas.backup.workspace import PREFIX
from portatlas.terminal.exits import Exit
from tests.conftest import NOON
from tests.portatlas.backup.test_backup import no_file_longer_than

pytestmark = pytest.mark.skipif(connection.vendor != "sqlite", reason="this is about its files")

# Moves money between two rows, each time in one transaction, until its standard input ends.
WRITER = """
import select, sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=20)
while not select.select([sys.stdin], [], [], 0)[0]:
    database.execute("BEGIN IMMEDIATE")
    database.execute("UPDATE money SET amount = amount - 1 WHERE id = 1")
    database.execute("UPDATE money SET amount = amount + 1 WHERE id = 2")
    database.execute("INSERT INTO money VALUES (NULL, 0, zeroblob(9000))")
    database.execute("COMMIT")
    print(flush=True)
"""
HOLDER = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.execute("SELECT count(*) FROM sqlite_master").fetchone()
print(flush=True)
sys.stdin.read()
"""


@contextmanager
def running(script: str, file):
    """Run Python on a database until what is inside is done; it has begun when this yields."""
    with subprocess.Popen(  # noqa: S603  # our own interpreter
        [sys.executable, "-S", "-c", script, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        yield process
        process.communicate()


@pytest.fixture
def file(site):
    return site.data / "portatlas.sqlite3"


@pytest.fixture
def backup(site, tmp_path):
    site.run("backup", tmp_path / "one.tar")
    return tmp_path / "one.tar"


def test_a_copy_is_of_one_moment_whoever_writes_meanwhile(site, file, tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite, "PAGES", 10)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE money (id integer PRIMARY KEY, amount integer, paper blob)")
        cursor.execute("INSERT INTO money VALUES (1, 1000000, ''), (2, 0, '')")
    told = []

    with running(WRITER, file) as writer:

        def wait_for_a_transaction(more):
            writer.stdout.readline()
            told.append(more)

        _contents, version = sqlite.SQLite(connection).save(
            tmp_path / "copy", wait_for_a_transaction
        )

    with closing(sqlite3.connect(tmp_path / "copy")) as copy:
        assert copy.execute("SELECT sum(amount) FROM money").fetchone() == (1000000,)
        transactions, moved = copy.execute(
            "SELECT (SELECT count(*) - 2 FROM money), amount FROM money WHERE id = 2"
        ).fetchone()
        assert transactions == moved > 0
        assert copy.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert version == sqlite3.sqlite_version
    assert (len(told) > 10, sum(told)) == (True, (tmp_path / "copy").stat().st_size)
    assert stat.S_IMODE((tmp_path / "copy").stat().st_mode) == 0o600


def test_a_damaged_database_makes_no_backup(site, file, tmp_path):
    connection.close()
    content = bytearray(file.read_bytes())
    content[8192:40960] = os.urandom(32768)
    file.write_bytes(content)

    _out, why, code = site.run("backup", tmp_path / "one.tar")

    assert (str(file) in why, code) == (True, Exit.FAILED)
    assert not (tmp_path / "one.tar").exists()


def test_a_database_that_was_never_prepared_makes_no_backup(site, file, tmp_path):
    connection.close()
    file.write_bytes(b"")

    _out, why, code = site.run("backup", tmp_path / "one.tar")

    assert (f"There is nothing in {file} yet" in why, code) == (True, Exit.FAILED)


def test_who_has_the_database_open_is_named(site, file, backup):
    before = site.rows()
    with running(HOLDER, file) as holder:
        _out, why, code = site.run("restore", backup)

        assert (f"(process {holder.pid})" in why, code) == (True, Exit.FAILED)
    assert site.rows() == before


def test_the_old_database_is_kept_whole(site, file, backup):
    PortNote.objects.create(host_id="atlas", protocol="tcp", port=9, title="Since")

    with time_machine.travel(NOON, tick=False):
        out, _err, _code = site.run("restore", backup)

    kept = site.data / "portatlas.sqlite3.before-20260101T120000Z"
    assert f"kept as {kept}:" in out.decode()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with closing(sqlite3.connect(kept)) as old, closing(sqlite3.connect(file)) as new:
        count = "SELECT count(*) FROM notes_portnote"
        assert (old.execute(count).fetchone(), new.execute(count).fetchone()) == ((2,), (1,))


@pytest.mark.parametrize("start", [b"no database at all", b"SQLite format 3\0" + b"\xff" * 500])
def test_a_damaged_database_is_replaced_and_kept_with_its_log(site, file, backup, start):
    before = site.rows()
    connection.close()
    file.write_bytes(start)
    (site.data / "portatlas.sqlite3-wal").write_bytes(b"log")

    with time_machine.travel(NOON, tick=False):
        _out, err, code = site.run("restore", backup)

    kept = "portatlas.sqlite3.before-20260101T120000Z"
    assert (err, code) == ("", Exit.DONE)
    assert site.rows() == before
    assert (site.data / kept).read_bytes() == start
    assert (site.data / f"{kept}-wal").read_bytes() == b"log"


def test_who_is_killed_half_way_has_changed_nothing(site, file, backup):
    before = site.rows()
    connection.close()
    archive = backup.read_bytes()
    with subprocess.Popen(
        [sys.executable, "manage.py", "restore", "-"],
        env=site.environment,
        stdin=subprocess.PIPE,
    ) as restore:
        # No pipe holds as much, so that most of it has been read when this is done.
        restore.stdin.write(archive[: len(archive) // 2])
        restore.stdin.flush()
        restore.kill()

    assert site.rows() == before
    assert [*site.data.glob(f"{PREFIX}*/database.sqlite3")] != []
    assert site.run("restore", backup)[2] == Exit.DONE
    assert (site.rows(), site.left_over()) == (before, [])


def test_a_database_that_is_not_there_yet_is_restored(site, backup):
    before = site.rows()
    connection.close()
    file = connection.settings_dict["NAME"] = site.data / "new.sqlite3"

    out, err, code = site.run("restore", backup)

    assert (err, code, b"is kept as" in out) == ("", Exit.DONE, False)
    assert site.rows() == before
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_folder_that_is_not_there_is_told_in_a_sentence(site, backup):
    connection.close()
    connection.settings_dict["NAME"] = site.data / "nowhere" / "new.sqlite3"

    _out, why, code = site.run("restore", backup)

    assert (f"No such file or directory ({site.data}/nowhere" in why, code) == (True, Exit.FAILED)


def test_a_disk_that_is_too_full_for_what_is_brought_up_to_date_changes_nothing(site, tmp_path):
    """The database grows by its migrations; all that was written before fits."""
    call_command("migrate", "notifications", "zero", verbosity=0)
    PortNote.objects.update(description="much " * 800_000)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")
    site.run("backup", tmp_path / "old.tar")
    call_command("migrate", verbosity=0)
    before = site.rows()
    connection.close()
    with tarfile.open(tmp_path / "old.tar") as archive:
        size = archive.getmember("database.sqlite3").size

    with no_file_longer_than(size):
        _out, why, code = site.run("restore", tmp_path / "old.tar")

    assert ("unfinished" in why, "look at the disk" in why, code) == (True, True, Exit.FAILED)
    assert (site.rows(), site.left_over()) == (before, [])
