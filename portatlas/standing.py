"""
Keep the index `Standing`: the rules of `states.py` as triggers of the database.

The board is sorted and counted by a rank that follows from a fact and a note, two tables that no
index can span. So each change of either puts the rank of the ports concerned into a third table,
computed by the very expression that the rules are, compiled to SQL. Triggers see every way to
write, by whomever. They are dropped before a migration, which may rebuild the tables below them,
and made anew after it, together with what they keep.
"""

from typing import NamedTuple

from django.db.models.expressions import RawSQL

from notes.models import EVERY_HOST
from portatlas import states
from portatlas.models import KEY, Memory, Port, Standing

FACTS, NOTES = Port._meta.db_table, Memory._meta.db_table
TABLE = Standing._meta.db_table
OF_FACT = ("current_state", "owner_state", "scope", "is_client", "active_since", "last_seen_at")
OF_NOTE = (*KEY, "risk_level", "expected_scope")


class Trigger(NamedTuple):
    """What the database does after a change of a row."""

    name: str
    table: str
    event: str  # INSERT, UPDATE or DELETE
    columns: tuple[str, ...]  # of an UPDATE: those of which one has to differ
    statements: tuple[str, ...]


def install(connection) -> None:
    """Make the triggers, and fill the index from what is there."""
    remove(connection)
    create = _on_postgresql if connection.vendor == "postgresql" else _on_sqlite
    with connection.cursor() as cursor:
        for trigger in triggers(connection):
            for statement in create(trigger):
                cursor.execute(statement)
        cursor.execute(f"DELETE FROM {TABLE}")  # noqa: S608  # names of our own
        cursor.execute(_rank(connection, Port.objects.filter(pk__gt=0)))
        cursor.execute(_expect(f"FROM {NOTES} note", "note"))


def remove(connection) -> None:
    """Drop the triggers, if they are there."""
    tables = connection.introspection.table_names()
    with connection.cursor() as cursor:
        for trigger in triggers(connection):
            if connection.vendor == "postgresql":
                cursor.execute(f"DROP FUNCTION IF EXISTS {trigger.name} CASCADE")
            elif trigger.table in tables:
                cursor.execute(f"DROP TRIGGER IF EXISTS {trigger.name}")


def triggers(connection) -> list[Trigger]:
    """Return the triggers: what happens to a fact or a note, and which ranks follow from it."""
    this_fact = _rank(connection, Port.objects.filter(pk=RawSQL("NEW.id", ())))
    forget_fact = f"DELETE FROM {TABLE} WHERE fact_id = OLD.id"  # noqa: S608  # names of our own
    note_of_it = _expect(f"FROM {NOTES} note WHERE {_same_key('note', 'OLD')}", "note")
    old, new = _speak(connection, "OLD"), _speak(connection, "NEW")
    forget_note = f"DELETE FROM {TABLE} WHERE fact_id IS NULL AND {_same_key(TABLE, 'OLD')}"  # noqa: S608  # names of our own
    expect = _expect("", "NEW")
    return [
        Trigger("standing_fact_new", FACTS, "INSERT", (), (this_fact,)),
        Trigger("standing_fact_changed", FACTS, "UPDATE", OF_FACT, (this_fact,)),
        Trigger("standing_fact_gone", FACTS, "DELETE", (), (forget_fact, note_of_it)),
        Trigger("standing_note_new", NOTES, "INSERT", (), (*new, expect)),
        Trigger(
            "standing_note_changed", NOTES, "UPDATE", OF_NOTE, (forget_note, *old, *new, expect)
        ),
        Trigger("standing_note_gone", NOTES, "DELETE", (), (forget_note, *old)),
    ]


def _rank(connection, ports) -> str:
    """Return the statement that ranks these ports, compiled from the rules."""
    ranked = ports.order_by().annotate(now=states.rank())
    sql, values = ranked.values_list(*KEY, "pk", "now").query.sql_with_params()
    quote = connection.schema_editor().quote_value
    return (
        f"INSERT INTO {TABLE} (host_id, protocol, port, fact_id, rank) "
        f"{sql % tuple(quote(value) for value in values)} "
        "ON CONFLICT (host_id, protocol, port) "
        "DO UPDATE SET fact_id = excluded.fact_id, rank = excluded.rank"
    )


def _speak(connection, row: str) -> tuple[str, str]:
    """Return the statements that rank the ports of which a note speaks: its own, or all."""
    own = Port.objects.filter(**{name: RawSQL(f"{row}.{name}", ()) for name in KEY})  # noqa: S611  # names of our own
    same_number = (
        f"SELECT fact_id FROM {TABLE} s WHERE {row}.host_id = '{EVERY_HOST}' "  # noqa: S608  # names of our own
        f"AND s.port = {row}.port AND s.protocol = {row}.protocol"
    )
    every = Port.objects.filter(pk__in=RawSQL(same_number, ()))  # noqa: S611  # as above
    return _rank(connection, own), _rank(connection, every)


def _expect(source: str, note: str) -> str:
    """Return the statement that puts in notes of a host whose port was never seen."""
    glue = "AND" if "WHERE" in source else "WHERE"
    return (
        f"INSERT INTO {TABLE} (host_id, protocol, port, fact_id, rank) "  # noqa: S608  # names of our own
        f"SELECT {note}.host_id, {note}.protocol, {note}.port, NULL, {states.NEVER_SEEN} {source} "
        f"{glue} {note}.host_id <> '{EVERY_HOST}' "
        f"AND NOT EXISTS (SELECT 1 FROM {FACTS} fact WHERE {_same_key('fact', note)})"
    )


def _same_key(one: str, other: str) -> str:
    return " AND ".join(f"{one}.{name} = {other}.{name}" for name in KEY)


def _on_sqlite(trigger: Trigger) -> list[str]:
    differs = " OR ".join(f"OLD.{name} IS NOT NEW.{name}" for name in trigger.columns) or "TRUE"
    body = " ".join(f"{statement};" for statement in trigger.statements)
    return [
        f"CREATE TRIGGER {trigger.name} AFTER {trigger.event} ON {trigger.table} "
        f"FOR EACH ROW WHEN {differs} BEGIN {body} END"
    ]


def _on_postgresql(trigger: Trigger) -> list[str]:
    differs = (
        " OR ".join(f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in trigger.columns) or "TRUE"
    )
    body = " ".join(f"{statement};" for statement in trigger.statements)
    return [
        f"CREATE FUNCTION {trigger.name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$body$ BEGIN {body} RETURN NULL; END $body$",
        f"CREATE TRIGGER {trigger.name} AFTER {trigger.event} ON {trigger.table} "
        f"FOR EACH ROW WHEN ({differs}) EXECUTE FUNCTION {trigger.name}()",
    ]
