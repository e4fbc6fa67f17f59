"""
PostgreSQL: a dump by pg_dump, and all tables of ours for those of a dump in one transaction.

Only our tables are dumped and replaced, whatever else is in the database, and nothing needs more
rights than those of their owner. Triggers are left out: they are made anew after migrations.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import psycopg
from django.db import DatabaseError, transaction
from django.db.migrations.exceptions import InconsistentMigrationHistory
from psycopg.conninfo import make_conninfo

from collector.text import safe
from portatlas import standing
from portatlas.backup import contents, disk, script, tools
from portatlas.backup.archive import CHUNK, Tell
from portatlas.backup.contents import MIGRATIONS, Contents
from portatlas.backup.faults import BackupError, BadFileError
from portatlas.backup.manifest import Manifest

# The entries of a dump that are restored.
RESTORED = re.compile(
    rb"\d+; \d+ \d+ (TABLE|TABLE DATA|SEQUENCE|SEQUENCE OWNED BY|SEQUENCE SET|DEFAULT|CONSTRAINT"
    rb"|FK CONSTRAINT|INDEX) "
)
MOST_SAID = 5  # connections
LOCK_TIMEOUT = "10s"


class PostgreSQL:
    """The database of an installation that is on a server. What is staged is in `folder`."""

    vendor = "postgresql"

    def __init__(self, connection, folder: Path):
        self.connection = connection
        self.folder = folder

    # Backup

    def save(self, copy: Path, tell: Tell) -> tuple[Contents, str]:
        """Dump it into a new file; return what is in the dump, and the version of the server."""
        with transaction.atomic(), self.connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")  # a dump takes long
            found = self.contents()
            if found is None:
                raise BackupError("There is nothing in the database yet: run migrate first.")
            cursor.execute("SELECT pg_export_snapshot(), current_schema()")
            snapshot, schema = cursor.fetchone()
            program = tools.find("pg_dump", self._version)
            command = [program, "--format=custom", "--no-owner", "--no-privileges", "--no-password"]
            command += [f"--snapshot={snapshot}"]
            command += [f'--table="{schema}"."{name}"' for name in self._tables()]
            command += [f"--dbname={self._address()}"]
            with (
                open(copy, "xb", opener=disk.private) as dump,
                tools.output_of(command, self._environment()) as output,
            ):
                while data := output.read(CHUNK):
                    dump.write(data)
                    tell(len(data))
        return found, f"{self._version}.{self._info.server_version % 10_000}"

    # Restore

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Raise BackupError if somebody else is connected, saying who."""
        with self.connection.cursor() as cursor:
            cursor.execute(
                "SELECT usename, application_name, host(client_addr), pid FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid() "
                "AND backend_type = 'client backend' ORDER BY backend_start"
            )
            others = cursor.fetchall()
        if others:
            named = "; ".join(
                " ".join(safe(str(each), 63) for each in (user, name, address) if each)
                + f" (process {pid})"
                for user, name, address, pid in others[:MOST_SAID]
            )
            raise BackupError(
                f"{len(others)} others are connected to the database: {named}"
                f"{' ...' if len(others) > MOST_SAID else ''}. Nothing has changed: stop up, or "
                "the web servers, the workers and beat, and say it again."
            )
        yield

    def contents(self) -> Contents | None:
        """Return what is in it now, None if that is nothing."""
        with self.connection.cursor() as cursor:
            tables = self.connection.introspection.table_names(cursor)
            return contents.read(cursor, tables)

    def prepare(self, staged: Path, manifest: Manifest) -> None:
        """Read all of a dump, and write beside it the list of what is restored of it."""
        program = tools.find("pg_restore", self._version)
        try:
            with tools.output_of([program, "--list", str(staged)]) as listing:
                entries = [line for line in listing if RESTORED.match(line)]
            _listed(staged).write_bytes(b"".join(entries))
            with tools.output_of([program, "--file=/dev/null", str(staged)]):
                pass
        except BackupError as exc:
            raise BadFileError(f"This backup can't be used: {exc}") from exc

    def replace(self, staged: Path, manifest: Manifest, at: datetime) -> None:
        """Put the tables of a dump in the place of ours and bring them up to date, or nothing."""
        command = [tools.find("pg_restore", self._version), f"--use-list={_listed(staged)}"]
        command += ["--no-owner", "--no-privileges", "--file=-", str(staged)]
        try:
            with transaction.atomic():
                self._drop()
                with tools.output_of(command) as output:
                    script.run(output, self.connection.connection)
                with self.connection.cursor() as cursor:
                    cursor.execute("RESET search_path")
                contents.refuse_others(self.contents(), manifest)
                contents.migrate()
                with self.connection.cursor() as cursor:  # or the first pages would be slow
                    cursor.execute(f"ANALYZE {self._quoted(self._tables())}")
        except (psycopg.Error, DatabaseError, InconsistentMigrationHistory, ValueError) as exc:
            why = safe(str(exc).strip().partition("\n")[0], 300)
            raise BackupError(f"The backup was not restored: {why}. Nothing has changed.") from exc
        finally:
            self.connection.close()  # pg_restore has set it up as it likes it

    def _drop(self) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
            standing.remove(self.connection)
            cursor.execute(f"DROP TABLE IF EXISTS {self._quoted(self._tables())} CASCADE")

    def _quoted(self, names: list[str]) -> str:
        return ", ".join(map(self.connection.ops.quote_name, names))

    def _tables(self) -> list[str]:
        tables = self.connection.introspection.django_table_names(only_existing=True)
        return sorted({*tables, MIGRATIONS})

    @property
    def _info(self) -> psycopg.ConnectionInfo:
        self.connection.ensure_connection()
        return self.connection.connection.info

    @property
    def _version(self) -> int:
        return self._info.server_version // 10_000

    def _address(self) -> str:
        """Return how to connect, without the password: others can read a command line."""
        said = self.connection.get_connection_params()  # what was not is a default of the driver's
        known = self._info.get_parameters()
        return make_conninfo("", **{name: known[name] for name in known if name in said})

    def _environment(self) -> dict[str, str]:
        return os.environ | {"PGPASSWORD": self._info.password}


def _listed(staged: Path) -> Path:
    """Return where the list is of what is restored of a dump."""
    return staged.with_suffix(".list")
