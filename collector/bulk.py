"""
Many rows in one statement: they travel as a single JSON parameter.

Django's bulk_create spends a variable on each value, so that SQLite gets a statement for
every 25 ports. Here the database takes the rows apart itself, and a call costs one or two
statements for every thousand objects.

What is stored is what bulk_create would have stored, for models like those of this package:
text without NUL, whole numbers of 64 bits, booleans, aware times in UTC, JSON, and no
expressions. Constraints fire as ever. Runs on SQLite from 3.24, and so without RETURNING,
which the SQLite of some systems that are still supported lacks; and on PostgreSQL.
"""

import json
from collections.abc import Iterator, Sequence
from functools import cache

from django.db import connection, transaction
from django.db.models import Field, JSONField, Model

# Rows in a statement. Longer ones are no faster, and hold more memory: the rows as a list, as
# JSON, and once more in the driver. A thousand command lines of 4 KiB are 4 MiB each time.
AT_ONCE = 1_000


def insert(objects: Sequence[Model]) -> None:
    """Insert the objects, all of one model. They are not told their primary keys."""
    with transaction.atomic(savepoint=False):
        for batch in _batches(objects):
            _insert(batch)


def upsert(objects: Sequence[Model], *, unique: Sequence[str], keep: Sequence[str] = ()) -> None:
    """
    Insert the objects, or where a row has the same `unique` fields, update that row.

    The objects are all of one model, no two of them have the same `unique` fields, and those
    are text or whole numbers, under a constraint. Of a row that is updated, the fields to
    `keep` stay as they are. Afterwards every object has its primary key.
    """
    with transaction.atomic(savepoint=False):
        for batch in _batches(objects):
            key = [batch[0]._meta.get_field(name) for name in unique]
            fixed = {*unique, *keep}
            changed = [field.column for field in _fields(batch[0]) if field.name not in fixed]
            updates = ", ".join(f"{_quote(name)} = EXCLUDED.{_quote(name)}" for name in changed)
            _insert(batch, f"ON CONFLICT ({_columns(key)}) DO UPDATE SET {updates}")
            _find([each for each in batch if each.pk is None], key)


def _batches(objects: Sequence[Model]) -> Iterator[Sequence[Model]]:
    for start in range(0, len(objects), AT_ONCE):
        yield objects[start : start + AT_ONCE]


def _insert(objects: Sequence[Model], on_conflict: str = "") -> None:
    model = objects[0]._meta
    fields = _fields(objects[0])
    _follow_relations(objects, fields)
    columns = _columns(fields)
    # Without a WHERE, SQLite takes the ON of ON CONFLICT for that of a join.
    sql = (
        f"INSERT INTO {_quote(model.db_table)} ({columns}) "  # noqa: S608  # names, all quoted
        f"SELECT {columns} FROM {_rows(objects[0], fields)} WHERE true {on_conflict}"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [_payload(objects, fields)])


def _find(objects: Sequence[Model], key: Sequence[Field]) -> None:
    """Tell the objects their primary keys."""
    if not objects:
        return
    model = objects[0]._meta
    table = _quote(model.db_table)
    names = [_quote(field.column) for field in (model.pk, *key)]
    sql = (
        f"SELECT {', '.join(f'{table}.{name}' for name in names)} "  # noqa: S608  # names, all quoted
        f"FROM {_rows(objects[0], key)} JOIN {table} USING ({_columns(key)})"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [_payload(objects, key)])
        found = {tuple(values): pk for pk, *values in cursor.fetchall()}
    for each in objects:
        each.pk = found[tuple(getattr(each, field.attname) for field in key)]


def _fields(example: Model) -> list[Field]:
    """Return what has a value to be written: all but the number that the database gives."""
    model = example._meta
    return [field for field in model.concrete_fields if field is not model.auto_field]


def _follow_relations(objects: Sequence[Model], fields: Sequence[Field]) -> None:
    """Take the key of a related object that had none yet when it was assigned."""
    for field in fields:
        if field.is_relation:
            for each in objects:
                related = field.get_cached_value(each, default=None)
                if related and getattr(each, field.attname) is None:
                    setattr(each, field.attname, related.pk)


def _rows(example: Model, fields: Sequence[Field]) -> str:
    """Return the SQL of a table of the fields, that takes their values as a JSON parameter."""
    if connection.vendor == "postgresql":
        return f"json_populate_recordset(NULL::{_quote(example._meta.db_table)}, %s) AS given"
    columns = ", ".join(
        f"json_extract(value, '$[{place}]') AS {_quote(field.column)}"
        for place, field in enumerate(fields)
    )
    # The LIMIT keeps SQLite from merging the two SELECTs, which would have it write out
    # `value`, a row's JSON, again for each of its columns.
    return f"(SELECT {columns} FROM (SELECT value FROM json_each(%s) LIMIT -1)) AS given"  # noqa: S608  # names, all quoted


def _payload(objects: Sequence[Model], fields: Sequence[Field]) -> str:
    rows = [[getattr(each, field.attname) for field in fields] for each in objects]
    if connection.vendor == "postgresql":
        columns = [field.column for field in fields]
        rows = [dict(zip(columns, row, strict=True)) for row in rows]
    else:
        # To SQLite a document is text, and has to stay the text that Django compares it with.
        for place, field in enumerate(fields):
            if isinstance(field, JSONField):
                for row in rows:
                    row[place] = field.get_db_prep_save(row[place], connection)
    # A sweep has few different times. Not as ASCII: half a surrogate pair is to fail in
    # Python, as it always does, where SQLite would store what can't be read again.
    return json.dumps(rows, default=cache(_time), ensure_ascii=False)


def _time(value) -> str:
    return str(connection.ops.adapt_datetimefield_value(value))


def _columns(fields: Sequence[Field]) -> str:
    return ", ".join(_quote(field.column) for field in fields)


@cache  # SQLite and PostgreSQL quote alike
def _quote(name: str) -> str:
    return connection.ops.quote_name(name)
