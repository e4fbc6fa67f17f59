"""Write rows that differ only by what they are about: in one statement, however many they are."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection, models

# Django's bulk_create spends a variable on each value, and a millisecond on ten rows.
SOURCES = {
    "sqlite": ("json_each(%s)", "value"),
    "postgresql": ("jsonb_array_elements(%s::jsonb) value", "value::int"),
}


def insert(row: models.Model, ports: Sequence[int]) -> None:
    """Insert a row like this one for each of the ports. Its own port is not written."""
    source, port = SOURCES[connection.vendor]
    _insert(row, {"port": port}, source, [json.dumps(ports)])


def insert_about(row: models.Model, others: models.QuerySet, names: Sequence[str]) -> None:
    """Insert a row like this one for each of others, with the columns `names` as they have them."""
    sql, values = others.order_by().values_list(*names).query.sql_with_params()
    _insert(row, {name: f"others.{name}" for name in names}, f"({sql}) others", values)


def _insert(
    row: models.Model, differing: Mapping[str, str], source: str, of_source: Sequence[Any]
) -> None:
    """Insert rows that differ by what SQL says of a source, by the names of the columns."""
    fields = row._meta.concrete_fields
    alike = [each for each in fields if not each.primary_key and each.name not in differing]
    columns = [connection.ops.quote_name(field.column) for field in alike]
    sql = (
        f"INSERT INTO {row._meta.db_table} ({', '.join([*columns, *differing])}) "  # noqa: S608  # names of our own
        f"SELECT {', '.join([*['%s'] * len(alike), *differing.values()])} FROM {source}"
    )
    values = [field.get_db_prep_save(field.pre_save(row, add=True), connection) for field in alike]
    with connection.cursor() as cursor:
        cursor.execute(sql, [*values, *of_source])


def copies(row: models.Model, keys: Mapping[int, int]) -> list:
    """Return the rows that were inserted like this one, by the primary key of each port."""
    names = [field.attname for field in row._meta.concrete_fields]
    told = {name: getattr(row, name) for name in names}
    return [
        row.from_db(connection.alias, names, (told | {"id": key, "port": port}).values())
        for port, key in keys.items()
    ]
