"""What is in a database: the migrations that made it what it is, and how much of what."""

from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from collector.models import Host, PortEvent, PortRuntime
from notes.models import PortNote
from portatlas.backup.faults import BackupError, BadFileError
from portatlas.backup.manifest import Manifest
from portatlas.contexts.reservations.models import Reservation
from portatlas.tokens.models import Token

COUNTED = {
    "hosts": Host,
    "ports": PortRuntime,
    "events": PortEvent,
    "notes": PortNote,
    "reservations": Reservation,
    "users": get_user_model(),
    "tokens": Token,
}
MIGRATIONS = MigrationRecorder.Migration._meta.db_table


@dataclass(frozen=True)
class Contents:
    """The migrations that were applied, by app; the number of rows of what people ask for."""

    migrations: Mapping[str, tuple[str, ...]]
    counts: Mapping[str, int]


def read(cursor, tables: Collection[str]) -> Contents | None:
    """
    Return what is in a database with these tables, None if it was never prepared.

    The cursor is one of Django or of a driver.
    """
    if MIGRATIONS not in tables:
        return None
    cursor.execute(f"SELECT app, name FROM {MIGRATIONS} ORDER BY app, name")  # noqa: S608  # a name of Django's
    migrations: dict[str, tuple[str, ...]] = {}
    for app, name in cursor.fetchall():
        migrations[app] = (*migrations.get(app, ()), name)
    counts = {}
    for what, model in COUNTED.items():
        if model._meta.db_table in tables:
            cursor.execute(f"SELECT count(*) FROM {model._meta.db_table}")  # noqa: S608  # a name of ours
            counts[what] = cursor.fetchone()[0]
    return Contents(migrations, counts)


def refuse_others(found: Contents | None, manifest: Manifest) -> None:
    """
    Raise BadFileError unless a database holds what the manifest beside it says.

    Only what both count is compared: another version may count more, or less.
    """
    if (
        found is None
        or found.migrations != manifest.migrations
        or any(found.counts.get(what, count) != count for what, count in manifest.counts.items())
    ):
        raise BadFileError(
            "This backup can't be used: its database does not hold what its manifest says. "
            "Somebody has changed it."
        )


def known_migrations() -> dict[str, AbstractSet[str]]:
    """Return the names of the migrations that are known here, by app."""
    loader = MigrationLoader(None, load=False)
    loader.load_disk()
    known: dict[str, AbstractSet[str]] = {}
    for (app, name), migration in loader.disk_migrations.items():
        known[app] = known.get(app, set()) | {name, *(old for _app, old in migration.replaces)}
    return known


def refuse_newer(found: Contents, known: Mapping[str, AbstractSet[str]]) -> None:
    """Raise BackupError if a database was used by a newer Port Atlas."""
    for app, names in found.migrations.items():
        if newer := {*names} - known.get(app, {*names}):
            raise BackupError(
                f"A newer Port Atlas has used this database (it has {app}.{min(newer)}). "
                "Make the backup with that one."
            )


def migrate() -> None:
    """Bring the database that is connected to where this Port Atlas expects it."""
    call_command("migrate", interactive=False, verbosity=0)
