"""Backups of PostgreSQL: its programs, who else is connected, and what one transaction means."""

import os
import shutil
import subprocess
import sys

import psycopg
import pytest
from django.db import connection

from notes.models import PortNote
from portatlas.backup import tools
from portatlas.backup.faults import BackupError
from portatlas.terminal.exits import Exit
from tests.portatlas.backup.conftest import url_of

on_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="it needs a server")

WRITER = """
import psycopg, select, sys
with psycopg.connect(sys.argv[1]) as database:
    while not select.select([sys.stdin], [], [], 0)[0]:
        database.execute("UPDATE auth_group SET name = name || '.'")
        database.execute("INSERT INTO auth_group (name) SELECT 'g' || count(*) FROM auth_group")
        database.commit()
        print(flush=True)
"""


@pytest.fixture
def backup(site, tmp_path):
    site.run("backup", tmp_path / "one.tar")
    connection.close()
    return tmp_path / "one.tar"


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Return a function that puts a program of its own before those of PostgreSQL."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def programs(name, script):
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o700)

    return programs


def here() -> str:
    return url_of(connection.settings_dict["NAME"])


@on_postgresql
def test_a_dump_is_of_one_moment_whoever_writes_meanwhile(site, tmp_path):
    with subprocess.Popen(  # noqa: S603  # our own interpreter
        [sys.executable, "-c", WRITER, here()], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        writer.stdout.readline()
        assert site.run("backup", tmp_path / "one.tar")[2] == Exit.DONE
        writer.communicate()
    connection.close()

    assert site.run("restore", tmp_path / "one.tar")[2] == Exit.DONE

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), max(length(name) - length(rtrim(name, '.'))) FROM auth_group"
        )
        groups, transactions = cursor.fetchone()
        assert groups - 3 == transactions > 0


@on_postgresql
def test_a_dump_may_take_longer_than_the_server_lets_anybody_idle(site, tmp_path, programs):
    with connection.cursor() as cursor:
        name = connection.settings_dict["NAME"]
        cursor.execute(f"ALTER DATABASE {name} SET idle_in_transaction_session_timeout = '50ms'")
    connection.close()
    programs("pg_dump", f'sleep 0.5\nexec {shutil.which("pg_dump")} "$@"')

    assert site.run("backup", tmp_path / "one.tar")[2] == Exit.DONE


@on_postgresql
def test_who_is_connected_is_named(site, backup):
    before = site.rows()
    connection.close()
    with psycopg.connect(here(), application_name="curious\x1b[2J") as other:
        _out, why, code = site.run("restore", backup)

        assert f"postgres curious?[2J 127.0.0.1 (process {other.info.backend_pid})" in why
    assert (site.rows(), code) == (before, Exit.FAILED)


@on_postgresql
def test_tables_of_others_in_the_same_database_stay(site, backup):
    with psycopg.connect(here()) as other:
        other.execute("CREATE TABLE others AS SELECT 1 AS one")

    assert site.run("restore", backup)[2] == Exit.DONE

    assert site.rows()["others"] == ["(1,)"]


@on_postgresql
def test_an_owner_who_is_no_superuser_restores(site, backup):
    name = connection.settings_dict["NAME"]
    before = site.rows()
    with connection.cursor() as cursor:
        cursor.execute("DROP ROLE IF EXISTS backup_owner")
        cursor.execute("CREATE ROLE backup_owner LOGIN PASSWORD 'p@ss/w%rd'")
        cursor.execute(f'ALTER DATABASE "{name}" OWNER TO backup_owner')
        cursor.execute("GRANT ALL ON SCHEMA public TO backup_owner")
        for table in site.rows():
            cursor.execute(f'ALTER TABLE "{table}" OWNER TO backup_owner')
        cursor.execute(
            "SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
        )
        for (function,) in cursor.fetchall():
            cursor.execute(f"ALTER FUNCTION {function} OWNER TO backup_owner")
    connection.close()
    owned, connection.settings_dict["USER"] = connection.settings_dict["USER"], "backup_owner"

    restored = site.run("restore", backup)

    assert (restored[1:], site.rows()) == (("", Exit.DONE), before)
    connection.close()
    connection.settings_dict["USER"] = owned
    with connection.cursor() as cursor:
        cursor.execute("REASSIGN OWNED BY backup_owner TO CURRENT_USER")
        cursor.execute("DROP OWNED BY backup_owner")
        cursor.execute("DROP ROLE backup_owner")


@on_postgresql
def test_the_password_is_on_no_command_line(site, tmp_path, programs):
    real = shutil.which("pg_dump")
    programs("pg_dump", f'echo "$@" >> {tmp_path}/said\nexec {real} "$@"')
    connection.close()
    connection.settings_dict["PASSWORD"] = "s3cret"

    assert site.run("backup", tmp_path / "one.tar")[2] == Exit.DONE

    said = (tmp_path / "said").read_text()
    assert ("--dbname=" in said, "s3cret" in said) == (True, False)


@on_postgresql
def test_a_dump_that_breaks_off_changes_nothing(site, backup, programs):
    PortNote.objects.create(host_id="atlas", protocol="tcp", port=9, title="Since")
    before = site.rows()
    connection.close()
    real = shutil.which("pg_restore")
    programs(
        "pg_restore",
        f'case "$*" in *--use-list=*) {real} "$@" | head -n 400; exit 1;; esac\nexec {real} "$@"',
    )

    _out, why, code = site.run("restore", backup)

    assert ("Nothing has changed" in why, code) == (True, Exit.FAILED)
    assert (site.rows(), site.left_over()) == (before, [])


@on_postgresql
def test_who_is_killed_half_way_has_changed_nothing(site, backup, programs, tmp_path):
    PortNote.objects.create(host_id="atlas", protocol="tcp", port=9, title="Since")
    before = site.rows()
    connection.close()
    real, half_way = shutil.which("pg_restore"), tmp_path / "half-way"
    os.mkfifo(half_way)
    programs(
        "pg_restore",
        f'case "$*" in *--use-list=*) {real} "$@" | head -n 400; echo > {half_way}; sleep 600;; '
        f'esac\nexec {real} "$@"',
    )
    with subprocess.Popen(  # noqa: S603  # our own interpreter
        [sys.executable, "manage.py", "restore", backup],
        env=site.environment | {"PATH": os.environ["PATH"]},
        start_new_session=True,
    ) as restore:
        half_way.read_text()
        os.killpg(restore.pid, 9)

    assert site.rows() == before


@on_postgresql
@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("pg_dump (PostgreSQL) 9.6.24", "pg_dump is of version 9, and the server is of"),
        ("nonsense", "pg_dump is of version 0, and the server is of"),
    ],
)
def test_a_program_that_is_too_old_is_told(site, tmp_path, programs, monkeypatch, said, why):
    programs("pg_dump", f"echo '{said}'")
    monkeypatch.setattr(tools, "DEBIANS", tmp_path / "none")

    _out, told, code = site.run("backup", tmp_path / "one.tar")

    assert (why in told, "Install postgresql-client-" in told, code) == (True, True, Exit.FAILED)


def test_a_program_that_is_missing_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(tools, "DEBIANS", tmp_path)

    with pytest.raises(BackupError, match="Install postgresql-client-15"):
        tools.find("pg_dump", 15)


def test_the_version_is_chosen_that_fits_the_server(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(tools, "DEBIANS", tmp_path)
    for version in (9, 15, 17):
        program = tmp_path / str(version) / "bin" / "pg_dump"
        program.parent.mkdir(parents=True)
        program.write_text(f"#!/bin/sh\necho 'pg_dump (PostgreSQL) {version}.1'\n")
        program.chmod(0o700)

    assert tools.find("pg_dump", 15) == str(tmp_path / "15" / "bin" / "pg_dump")
    assert tools.find("pg_dump", 16) == str(tmp_path / "17" / "bin" / "pg_dump")
