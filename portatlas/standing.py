"""
Keep the index `Standing`: the rules of `states.py` as triggers of the database.

The board is sorted and counted by a rank that follows from a fact and a note, two tables that no
index can span. So each change of either puts the rank of the ports concerned into a third table,
computed by the very expression that the rules are, compiled to SQL. Triggers see every way to
write, by whomever. They are dropped before a migration, which may rebuild the tables below them,
and made anew after it, together with what they keep.
"""

from typing import NamedTuple

from django.db import transaction
from django.db.models.expressions import RawSQL

from notes.models import EVERY_HOST
from portatlas import states, violation
from portatlas.contexts.reservations.models import HOLDER, Reservation
from portatlas.models import KEY, Memory, Port, Standing

FACTS, NOTES = Port._meta.db_table, Memory._meta.db_table
RESERVATIONS = Reservation._meta.db_table
TABLE = Standing._meta.db_table
OF_FACT = ("current_state", "owner_state", "scope", "is_client", "active_since", "last_seen_at")
OF_NOTE = (*KEY, "risk_level", "expected_scope")
OF_RESERVATION = (*KEY, "pid", *HOLDER)
PREFIX = "standing_"  # of the names of all triggers, of whatever version

# On PostgreSQL two transactions do not see each other's rows: of one that writes a fact and one
# that writes the note about it, the second has to wait, or none would see both.
# Whoever deletes facts and writes others in one transaction deletes first: to wait for those that
# only read the lock, while holding it with them, would be a deadlock.
LOCK = "hashtext('portatlas_standing')"


class Trigger(NamedTuple):
    """What the database does after a change of a row."""

    name: str
    table: str
    event: str  # INSERT, UPDATE or DELETE
    statements: tuple[str, ...]
    columns: tuple[str, ...] = ()  # of an UPDATE: those of which one has to differ
    same: tuple[str, ...] = ()  # of an UPDATE: those that must not
    only: str = "TRUE"  # what has to be so of the row
    waits_for_facts: bool = True  # rather than only for who waits for facts


def install(connection) -> None:
    """Make the triggers and fill the index, if the tables are there and up to date."""
    of_fact = (*OF_FACT, *violation.OF_FACT)
    needed = {TABLE: (*KEY, "since"), FACTS: of_fact, NOTES: OF_NOTE}
    if not _has(connection, needed | {RESERVATIONS: OF_RESERVATION}):
        return
    with transaction.atomic(connection.alias), connection.cursor() as cursor:
        remove(connection)
        for trigger in triggers(connection):
            for statement in _create(connection.vendor, trigger):
                cursor.execute(statement)
        cursor.execute(f"DELETE FROM {TABLE}")  # noqa: S608  # names of our own
        cursor.execute(_rank(connection, Port.objects.filter(pk__gt=0)))
        cursor.execute(_expect("TRUE"))


def remove(connection) -> None:
    """Drop the triggers, if there are any."""
    on_postgresql = connection.vendor == "postgresql"
    catalog, kind = (
        ("SELECT proname FROM pg_proc WHERE proname LIKE %s", "FUNCTION")
        if on_postgresql
        else ("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE %s", "TRIGGER")
    )
    with connection.cursor() as cursor:
        cursor.execute(catalog, [f"{PREFIX}%"])
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP {kind} {name}{' CASCADE' if on_postgresql else ''}")


def triggers(connection) -> list[Trigger]:
    """Return the triggers: what happens to a fact or a note, and which ranks follow from it."""
    changed = Port.objects.filter(pk=RawSQL("NEW.id", ()))
    rank = _rank(connection, changed)
    # Who holds a port matters to reservations alone, and most ports have none.
    reserved = _rank(connection, changed.filter(violation.is_reserved()))
    # The rules speak no more of a note that waited for this number.
    seen = f"DELETE FROM {TABLE} WHERE {_same_number(TABLE, 'NEW')} AND host_id = '{EVERY_HOST}'"  # noqa: S608  # names of our own
    forget = f"DELETE FROM {TABLE} WHERE fact_id = OLD.id"  # noqa: S608  # as above
    expect = _expect(
        f"{_same_number('note', 'OLD')} AND note.host_id IN (OLD.host_id, '{EVERY_HOST}')"
    )
    old, new = (
        (
            f"DELETE FROM {TABLE} WHERE fact_id IS NULL AND {_same_key(TABLE, row)}",  # noqa: S608  # as above
            *_speak(connection, row),
            _expect(_same_key("note", row)),
        )
        for row in ("OLD", "NEW")
    )
    was, now = (_speak(connection, row) for row in ("OLD", "NEW"))
    return [
        Trigger(f"{PREFIX}fact_new", FACTS, "INSERT", (rank, seen), waits_for_facts=False),
        Trigger(
            f"{PREFIX}fact_changed", FACTS, "UPDATE", (rank,), OF_FACT, KEY, waits_for_facts=False
        ),
        Trigger(
            f"{PREFIX}fact_held",
            FACTS,
            "UPDATE",
            (reserved,),
            violation.OF_FACT,
            KEY,
            waits_for_facts=False,
        ),
        Trigger(f"{PREFIX}fact_moved", FACTS, "UPDATE", (forget, rank, seen, expect), KEY),
        Trigger(f"{PREFIX}fact_gone", FACTS, "DELETE", (forget, expect)),
        Trigger(f"{PREFIX}note_new", NOTES, "INSERT", new),
        Trigger(f"{PREFIX}note_changed", NOTES, "UPDATE", new, OF_NOTE[3:], KEY),
        Trigger(f"{PREFIX}note_moved", NOTES, "UPDATE", (*old, *new), KEY),
        Trigger(f"{PREFIX}note_gone", NOTES, "DELETE", old),
        Trigger(f"{PREFIX}reserved", RESERVATIONS, "INSERT", now, only=_names_holder("NEW")),
        Trigger(
            f"{PREFIX}reservation_changed", RESERVATIONS, "UPDATE", (*was, *now), OF_RESERVATION
        ),
        Trigger(f"{PREFIX}released", RESERVATIONS, "DELETE", was, only=_names_holder("OLD")),
    ]


def _rank(connection, ports) -> str:
    """Return the statement that ranks these ports, compiled from the rules."""
    ranked = ports.order_by().annotate(now=states.rank())
    sql, values = ranked.values_list(*KEY, "pk", "active_since", "now").query.sql_with_params()
    quote = connection.schema_editor().quote_value
    return (
        f"INSERT INTO {TABLE} (host_id, protocol, port, fact_id, since, rank) "
        f"{sql % tuple(quote(value) for value in values)} "
        "ON CONFLICT (host_id, protocol, port) "
        "DO UPDATE SET fact_id = excluded.fact_id, since = excluded.since, rank = excluded.rank"
    )


def _speak(connection, row: str) -> tuple[str, str]:
    """Return the statements that rank the ports of which a note speaks: its own, or all."""
    own = Port.objects.filter(**{name: RawSQL(f"{row}.{name}", ()) for name in KEY})  # noqa: S611  # names of our own
    same_number = (
        f"SELECT fact_id FROM {TABLE} s WHERE {row}.host_id = '{EVERY_HOST}' "  # noqa: S608  # names of our own
        f"AND {_same_number('s', row)}"
    )
    every = Port.objects.filter(pk__in=RawSQL(same_number, ()))  # noqa: S611  # as above
    return _rank(connection, own), _rank(connection, every)


def _names_holder(row: str) -> str:
    """Return whether a reservation says whom it is for: of any other nothing follows."""
    names = " OR ".join(f"{row}.{name} <> ''" for name in HOLDER)
    return f"({row}.pid IS NOT NULL OR {names})"


def _expect(which: str) -> str:
    """Return the statement that puts in those of some notes whose port was never seen."""
    return (
        f"INSERT INTO {TABLE} (host_id, protocol, port, rank) "  # noqa: S608  # names of our own
        f"SELECT note.host_id, note.protocol, note.port, {states.NEVER_SEEN} "
        f"FROM {NOTES} note WHERE {which} "
        f"AND NOT EXISTS (SELECT 1 FROM {FACTS} fact WHERE {_same_key('fact', 'note')}) "
        f"AND (note.host_id <> '{EVERY_HOST}' OR NOT EXISTS (SELECT 1 FROM {TABLE} s "
        f"WHERE {_same_number('s', 'note')} AND s.fact_id IS NOT NULL)) "
        "ON CONFLICT (host_id, protocol, port) DO NOTHING"
    )


def _same_key(one: str, other: str) -> str:
    return f"{one}.host_id = {other}.host_id AND {_same_number(one, other)}"


def _same_number(one: str, other: str) -> str:
    return f"{one}.protocol = {other}.protocol AND {one}.port = {other}.port"


def _has(connection, columns: dict[str, tuple[str, ...]]) -> bool:
    """Return whether the database has these columns of these tables."""
    inspect = connection.introspection
    with connection.cursor() as cursor:
        tables = inspect.table_names(cursor)
        return all(
            table in tables
            and {*names} <= {each.name for each in inspect.get_table_description(cursor, table)}
            for table, names in columns.items()
        )


def _create(vendor: str, trigger: Trigger) -> list[str]:
    """Return the statements that make a trigger."""
    unlike = "IS DISTINCT FROM" if vendor == "postgresql" else "IS NOT"
    differs = " OR ".join(f"OLD.{name} {unlike} NEW.{name}" for name in trigger.columns) or "TRUE"
    moves = " OR ".join(f"OLD.{name} {unlike} NEW.{name}" for name in trigger.same) or "FALSE"
    body = " ".join(f"{statement};" for statement in trigger.statements)
    head = (
        f"CREATE TRIGGER {trigger.name} AFTER {trigger.event} ON {trigger.table} "
        f"FOR EACH ROW WHEN (({differs}) AND NOT ({moves}) AND {trigger.only})"
    )
    if vendor != "postgresql":
        return [f"{head} BEGIN {body} END"]
    wait = "pg_advisory_xact_lock" + ("" if trigger.waits_for_facts else "_shared")
    function = (
        f"CREATE FUNCTION {trigger.name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$body$ BEGIN PERFORM {wait}({LOCK}); {body} RETURN NULL; END $body$"
    )
    return [function, f"{head} EXECUTE FUNCTION {trigger.name}()"]
