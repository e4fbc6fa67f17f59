"""A made-up fleet: hosts, ports, notes and events, each written by one statement."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, models, transaction

from collector.models import Host, PortEvent, PortRuntime
from notes.models import EVERY_HOST, PortNote
from portatlas import standing

PORTS = 100  # of each host, and never one number twice
EVENTS = 10  # of each port, one a day
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
END = (
    '[{"address": "0.0.0.0", "device": "", "scope": "any", "backlog": 0, "limit": 128, '
    '"cookie": "1", "inode": 1, "family": "v4", "pid": 1, "process_name": "server"}]'
)
NOTHING = {  # what a column holds of which nothing is told
    models.JSONField: "'[]'",
    models.BooleanField: "FALSE",
    models.CharField: "''",
    models.TextField: "''",
    models.PositiveIntegerField: "0",
    models.PositiveBigIntegerField: "0",
    models.FloatField: "0",
}


@dataclass(frozen=True)
class Fleet:
    """
    What there is: so many ports, `PORTS` on each host, and as many notes.

    Mixed, it has every state, sockets of clients, and a fifth of its notes is about ports that
    were never seen; else all is healthy. With shared notes there is one for each number instead,
    for every host.
    """

    ports: int = 100_000
    is_mixed: bool = True
    has_shared_notes: bool = False

    def __str__(self) -> str:
        kind = "mixed" if self.is_mixed else "all healthy"
        return f"{kind}, notes for every host" if self.has_shared_notes else kind

    def some(self, rare: str, usual: str, *, one_of: int) -> str:
        """Return an expression that is rare in a mixed fleet. Each `one_of` is another prime."""
        return (
            f"CASE WHEN i % {one_of} = 1 THEN {rare} ELSE {usual} END" if self.is_mixed else usual
        )


@transaction.atomic
def build(fleet: Fleet, now: datetime) -> None:
    """Put a fleet in the place of all that is in the database."""
    standing.remove(connection)
    with connection.cursor() as cursor:
        for model in (PortEvent, PortRuntime, Host, PortNote):
            cursor.execute(f"DELETE FROM {model._meta.db_table}")  # noqa: S608  # names of our own
        cursor.execute(_insert(Host, fleet.ports // PORTS, _host(now)))
        cursor.execute(_insert(PortRuntime, fleet.ports, _port(fleet, now)))
        notes = PORTS if fleet.has_shared_notes else fleet.ports
        cursor.execute(_insert(PortNote, notes, _note(fleet, now)))
        every = f"n CROSS JOIN {PortRuntime._meta.db_table} port"
        cursor.execute(_insert(PortEvent, EVENTS, _event(now), source=every))
    standing.install(connection)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")  # as the server does by itself within a minute


def _insert(model, rows: int, values: dict[str, str], source: str = "n") -> str:
    """Return the statement that writes the rows 0 to `rows`, whose number is `i`."""
    told = {
        field.column: NOTHING[type(field)]
        for field in model._meta.concrete_fields
        if not field.null and type(field) in NOTHING
    } | values
    columns = ", ".join(map(connection.ops.quote_name, told))
    return (
        f"INSERT INTO {model._meta.db_table} ({columns}) "  # noqa: S608  # names of our own
        f"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {rows}) "
        f"SELECT {', '.join(told.values())} FROM {source}"
    )


def _time(then: datetime) -> str:
    """Return a time as the database stores it."""
    if connection.vendor == "postgresql":
        return f"'{then.isoformat()}'::timestamptz"
    return f"'{connection.ops.adapt_datetimefield_value(then)}'"


def _key(number: str) -> dict[str, str]:
    """Return the key of a numbered port. One in ten is such as the clients have."""
    nth = f"({number}) % {PORTS}"
    return {
        "host_id": f"'host-' || substr(CAST(10000 + ({number}) / {PORTS} AS text), 2)",
        "protocol": f"CASE WHEN {nth} % 10 = 9 THEN 'udp' ELSE 'tcp' END",
        "port": f"CASE WHEN {nth} % 10 = 9 THEN 40000 ELSE 1000 END + {nth} * 37",
    }


def _host(now: datetime) -> dict[str, str]:
    swept = _time(now)
    return {
        "host_id": _key(f"i * {PORTS}")["host_id"],
        **dict.fromkeys(("last_look_at", "last_sweep_at", "watched_until"), swept),
        "watched_since": _time(now - 30 * DAY),
        "sweep_interval": "15",
        "verdict": "'complete'",
        "owners_seen": "'all'",
    }


def _port(fleet: Fleet, now: datetime) -> dict[str, str]:
    nth = f"(i % {PORTS})"
    young, old = _time(now - HOUR / 4), _time(now - 10 * DAY)
    client_or_server = f"CASE WHEN i % 20 = 9 THEN {young} ELSE {old} END"
    moved_long_ago = fleet.some(_time(now - 9 * DAY), "NULL", one_of=3)
    return {
        **_key("i"),
        "current_state": fleet.some("'disappeared'", "'active'", one_of=11),
        "first_seen_at": _time(now - 20 * DAY),
        "last_seen_at": _time(now - HOUR / 2),
        "last_disappeared_at": _time(now - 2 * DAY),
        "active_since": fleet.some(young, client_or_server if fleet.is_mixed else old, one_of=41),
        "transition_4_at": fleet.some(_time(now - HOUR / 2), moved_long_ago, one_of=997),
        "endpoints": f"'{END}'",
        "scope": fleet.some("'private'", "'any'", one_of=7),
        "is_client": "i % 10 = 9" if fleet.is_mixed else "FALSE",
        "owner_state": fleet.some("'unknown'", "'known'", one_of=503),
        "current_pid": "1 + i % 30000",
        "process_name": f"'server-' || {nth}",
        "exe": f"'/usr/sbin/server-' || {nth}",
        "cmdline": f"'/usr/sbin/server-' || {nth} || ' --config /etc/server/main.conf'",
        "user": "'www-data'",
        "role": "'server'",
        "unit": f"'server-' || {nth} || '.service'",
        "well_known": "'http'",
    }


def _note(fleet: Fleet, now: datetime) -> dict[str, str]:
    # Every fifth port of a mixed fleet has none, and the last fifth of the notes has no port.
    key = _key("i + i / 4" if fleet.is_mixed and not fleet.has_shared_notes else "i")
    trusted = fleet.some("'expected'", "'trusted'", one_of=2)
    return {
        **key,
        **({"host_id": f"'{EVERY_HOST}'"} if fleet.has_shared_notes else {}),
        "title": "'The shop, number ' || i",
        "owner": "'team-' || (i % 20)",
        "service_type": "'web'",
        "risk_level": fleet.some("'suspicious'", trusted, one_of=499),
        "expected_scope": fleet.some("'loopback'", "''", one_of=1009),
        "tags": """'["prod", "web"]'""",
        **dict.fromkeys(("created_at", "updated_at"), _time(now)),
        "version": "1",
    }


def _event(now: datetime) -> dict[str, str]:
    kinds = "WHEN 0 THEN 'disappeared' WHEN 1 THEN 'appeared' ELSE 'alive'"
    days = " ".join(f"WHEN {day} THEN {_time(now - day * DAY)}" for day in range(EVENTS))
    return {
        "port_runtime_id": "port.id",
        "event_type": f"CASE i % 4 {kinds} END",
        "timestamp": f"CASE i {days} END",
        "cause": "'observed'",
        "changes": "'{}'",
    }
