"""Installations of their own: what is backed up and restored is never the tests' database."""

import os
import subprocess
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import DEFAULT_DB_ALIAS, connections

from collector.models import Host, PortEvent, PortRuntime
from notes.models import PortNote
from portatlas.models import Standing
from portatlas.notifications import vault
from portatlas.notifications.models import Channel
from portatlas.terminal.exits import Exit
from tests.conftest import NOON
from tests.tools import require

KEY = "a key of sixty letters, which is made for this test and for no other"
PASSWORD = "correct horse"
SECRET = "https://hooks.example/T0PS3CRET"


class Site:
    """An installation in this process: its database is Django's, its folder is in settings."""

    def __init__(self, data: Path, capfdbinary):
        self.data = data
        self._captured = capfdbinary

    def fill(self) -> None:
        get_user_model().objects.create_superuser("admin", password=PASSWORD)
        host = Host.objects.create(
            host_id="atlas", last_look_at=NOON, verdict="complete", owners_seen="all"
        )
        for port in (22, 80):
            fact = PortRuntime.objects.create(
                host=host,
                protocol="tcp",
                port=port,
                first_seen_at=NOON,
                last_seen_at=NOON,
                active_since=NOON,
                scope="any",
                owner_state="known",
                process_name="sshd \\. \t ü",
                endpoints=[{"address": "0.0.0.0", "line": "a\nb"}],
            )
            PortEvent.objects.create(port_runtime=fact, event_type="appeared", timestamp=NOON)
        PortNote.objects.create(
            host_id="atlas", protocol="tcp", port=22, title="Shell", description="one\n\\.\ntwo"
        )
        Channel.objects.create(name="hook", kind="webhook", sealed=vault.seal(SECRET, [KEY]))

    def rows(self) -> dict[str, list]:
        """Return all rows of all tables; those of the index by what they are about."""
        connection = connections[DEFAULT_DB_ALIAS]
        with connection.cursor() as cursor:
            rows = {}
            for table in connection.introspection.table_names(cursor):
                cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608  # names of our own
                is_index = table == Standing._meta.db_table
                rows[table] = sorted(repr(row[1:] if is_index else row) for row in cursor)
        return rows

    def run(self, *arguments):
        """Return what a command printed, what it complained of, and how it ended."""
        self._captured.readouterr()
        try:
            call_command(*map(str, arguments))
        except CommandError as exc:
            return self._captured.readouterr().out, str(exc), exc.returncode
        out, err = self._captured.readouterr()
        return out, err.decode(), Exit.DONE

    def left_over(self) -> list[str]:
        """Return what an unfinished backup or restore has left."""
        return [path.name for path in self.data.rglob(".*")]

    @property
    def environment(self) -> dict[str, str]:
        """Return what a process needs to work on this installation."""
        name = connections[DEFAULT_DB_ALIAS].settings_dict["NAME"]
        is_file = connections[DEFAULT_DB_ALIAS].vendor == "sqlite"
        return os.environ | {
            "PORTATLAS_BOOTSTRAP": "off",
            "PORTATLAS_DATA": str(self.data),
            "DATABASE_URL": f"sqlite:///{name}" if is_file else url_of(name),
            "DJANGO_SETTINGS_MODULE": "portatlas.settings",
        }


@pytest.fixture
def site(db, tmp_path, settings, capfdbinary, request):
    """An installation with something of everything, on the database that the tests run on."""
    data = settings.DATA_DIR = tmp_path / "data"
    settings.SECRET_KEY = KEY
    data.mkdir(mode=0o700)
    (data / "secret_key").write_text(KEY)
    make = request.getfixturevalue(f"_{connections[DEFAULT_DB_ALIAS].vendor}_database")
    with make(data) as name, instead_of_ours(name):
        site = Site(data, capfdbinary)
        site.fill()
        yield site


@contextmanager
def instead_of_ours(name):
    """Have Django take another database for this installation's; its test database stays."""
    ours = connections[DEFAULT_DB_ALIAS]
    other = ours.copy()
    other.settings_dict["NAME"] = name
    connections[DEFAULT_DB_ALIAS] = other
    ContentType.objects.clear_cache()
    try:
        yield
    finally:
        other.close()
        connections[DEFAULT_DB_ALIAS] = ours
        ContentType.objects.clear_cache()


@pytest.fixture
def _sqlite_database(new_database):
    @contextmanager
    def make(data):
        new_database(data)
        yield data / "portatlas.sqlite3"

    return make


@pytest.fixture
def _postgresql_database(_template):
    @contextmanager
    def make(data):
        name = f"portatlas_backup_{os.getpid()}"
        create(name, template=_template)
        yield name
        drop(name)

    return make


@pytest.fixture(scope="session")
def _template(django_db_setup):
    """A PostgreSQL database of which every migration was run, and to which nobody is connected."""
    name = f"portatlas_backup_template_{os.getpid()}"
    dump = [require("pg_dump"), url_of(connections[DEFAULT_DB_ALIAS].settings_dict["NAME"])]
    load = [require("psql"), "--quiet", "--no-psqlrc", url_of(name)]
    create(name)
    with subprocess.Popen(dump, stdout=subprocess.PIPE) as dumping:  # noqa: S603  # found above
        subprocess.run(load, stdin=dumping.stdout, stdout=subprocess.DEVNULL, check=True)  # noqa: S603  # found above
    yield name
    drop(name)


def create(name: str, template: str = "template0") -> None:
    drop(name)
    _execute(f"CREATE DATABASE {name} TEMPLATE {template}")


def drop(name: str) -> None:
    _execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _execute(statement: str) -> None:
    with psycopg.connect(url_of("postgres"), autocommit=True) as connection:
        connection.execute(statement)


def url_of(name: str) -> str:
    """Return the address of a database on the server that the tests run on."""
    server = connections[DEFAULT_DB_ALIAS].settings_dict
    return (
        f"postgres://{server['USER']}:{server['PASSWORD']}@{server['HOST']}:{server['PORT']}/{name}"
    )
