"""
The first member of a backup: what it is, of which Port Atlas, and what is in it. Pure.

>>> is_newer("0.10.0", "0.9.1"), is_newer("0.1.0", "0.1.0")
(True, False)
"""

import json
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from collector.sweep import HOST_ID
from portatlas.backup.faults import BadFileError

NAME = "manifest.json"
LONGEST = 2**20  # bytes
FORMAT = "portatlas-backup"
FORMAT_VERSION = 1  # higher as soon as this reader would misunderstand what is written
KINDS = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
MOST = 2**53  # of what JSON tells exactly

# Each text is shown on terminals, and none of these can move a cursor.
VERSION, NUMBERS, FINGERPRINT, WORD = (
    r"[\w.+-]{1,50}",
    r"[\d.]{1,20}",
    r"[0-9a-f]{16}",
    r"\w{1,255}",
)


@dataclass(frozen=True)
class Manifest:
    """What a backup says of itself. `size` is that of the database in it, in bytes."""

    version: str
    database: str
    server: str
    made_at: datetime
    host_id: str
    key: str
    has_key: bool
    migrations: Mapping[str, tuple[str, ...]]
    counts: Mapping[str, int]
    size: int

    @property
    def kind(self) -> str:
        return KINDS[self.database]

    @property
    def member(self) -> str:
        """Return how the database is called among the members."""
        return {"sqlite": "database.sqlite3", "postgresql": "database.pgdump"}[self.database]

    def as_bytes(self) -> bytes:
        made_at = self.made_at.astimezone(UTC).isoformat(timespec="seconds")
        head = {"format": FORMAT, "format_version": FORMAT_VERSION}
        values = head | asdict(self) | {"made_at": made_at.replace("+00:00", "Z")}
        return (json.dumps(values, indent=2) + "\n").encode("ascii")

    def refuse_unless_fits(
        self, *, version: str, database: str, known: Mapping[str, AbstractSet[str]]
    ) -> None:
        """
        Raise BadFileError if this cannot be restored here.

        `known` has the migrations that this Port Atlas knows, by app.
        """
        if self.database != database:
            raise BadFileError(
                f"This is a backup of {self.kind}, and the database here is {KINDS[database]}: one "
                f"is not turned into the other. Set DATABASE_URL to a {self.kind} database and "
                "restore there; notes alone are carried over by notes export and notes import."
            )
        if is_newer(self.version, version):
            raise BadFileError(
                f"This is a backup of Port Atlas {self.version}, and here is {version}: "
                "restore it with that version, or a later one."
            )
        unknown = [
            f"{app}.{name}"
            for app, names in self.migrations.items()
            for name in names
            if name not in known.get(app, ())
        ]
        if unknown:
            raise BadFileError(
                f"A newer Port Atlas made this backup: its database has {min(unknown)}, which is "
                "unknown here. Restore it with the version that made it, or a later one."
            )


def is_newer(one: str, other: str) -> bool:
    """Compare versions by their numbers; what follows those is not looked at."""

    def numbers(version: str) -> list[int]:
        found = re.match(r"\d{1,9}(?:\.\d{1,9})*", version)
        return [int(each) for each in found[0].split(".")] if found else []

    return numbers(one) > numbers(other)


def read(data: bytes) -> Manifest:
    """Return the manifest that these bytes are. Raises BadFileError, saying what is wrong."""
    try:
        values = json.loads(data)
    except (ValueError, RecursionError) as exc:
        raise BadFileError(f"This is no backup of Port Atlas: {NAME} in it is no JSON.") from exc
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise BadFileError(f"This is no backup of Port Atlas: {NAME} in it is of something else.")
    number = _whole(values, "format_version")
    if number > FORMAT_VERSION:
        raise BadFileError(
            f"A newer Port Atlas made this backup: its format is {number}, and {FORMAT_VERSION} is "
            "the highest known here. Restore it with the version that made it."
        )
    counts = _mapping(values, "counts")
    return Manifest(
        version=_text(values, "version", VERSION),
        database=_text(values, "database", "|".join(KINDS)),
        server=_text(values, "server", NUMBERS),
        made_at=_time(values),
        host_id=_text(values, "host_id", HOST_ID),
        key=_text(values, "key", FINGERPRINT),
        has_key=values.get("has_key") is True,
        migrations=_migrations(values),
        counts={name: _whole(counts, name) for name in counts},
        size=_whole(values, "size"),
    )


def _text(values: dict[str, Any], name: str, pattern: str) -> str:
    text = values.get(name)
    if not isinstance(text, str) or not re.fullmatch(pattern, text, re.ASCII):
        raise _wrong(name)
    return text


def _whole(values: dict[str, Any], name: str) -> int:
    number = values.get(name)
    if type(number) is not int or not 0 <= number <= MOST:
        raise _wrong(name)
    return number


def _time(values: dict[str, Any]) -> datetime:
    try:
        time = datetime.fromisoformat(values["made_at"])
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (KeyError, TypeError, ValueError, OverflowError) as exc:
        raise _wrong("made_at") from exc


def _mapping(values: dict[str, Any], name: str) -> dict[str, Any]:
    mapping = values.get(name)
    if not isinstance(mapping, dict) or not all(
        re.fullmatch(WORD, key, re.ASCII) for key in mapping
    ):
        raise _wrong(name)
    return mapping


def _migrations(values: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    migrations = _mapping(values, "migrations")
    for names in migrations.values():
        if not isinstance(names, list) or not all(
            isinstance(name, str) and re.fullmatch(WORD, name, re.ASCII) for name in names
        ):
            raise _wrong("migrations")
    return {app: tuple(names) for app, names in migrations.items()}


def _wrong(name: str) -> BadFileError:
    return BadFileError(
        f"This backup can't be used: “{name}” in its {NAME} makes no sense. "
        "Somebody has changed it, or it was damaged."
    )
