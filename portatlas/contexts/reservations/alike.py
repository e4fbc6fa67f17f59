"""Write rows that differ only by their ports: in one statement, however many there are."""

import json
from collections.abc import Mapping, Sequence

from django.db import connection, models

# Django's bulk_create spends a variable on each value, and a millisecond on ten rows.
SOURCES = {
    "sqlite": ("json_each(%s)", "value"),
    "postgresql": ("jsonb_array_elements(%s::jsonb) value", "value::int"),
}


def insert(row: models.Model, ports: Sequence[int]) -> None:
    """Insert a row like this one for each of the ports. Its own port is not written."""
    source, port = SOURCES[connection.vendor]
    fields = row._meta.concrete_fields
    told = [field for field in fields if not field.primary_key and field.name != "port"]
    columns = ", ".join(connection.ops.quote_name(field.column) for field in told)
    sql = (
        f"INSERT INTO {row._meta.db_table} ({columns}, port) "  # noqa: S608  # names of our own
        f"SELECT {', '.join(['%s'] * len(told))}, {port} FROM {source}"
    )
    values = [field.get_db_prep_save(field.pre_save(row, add=True), connection) for field in told]
    with connection.cursor() as cursor:
        cursor.execute(sql, [*values, json.dumps(ports)])


def copies(row: models.Model, keys: Mapping[int, int]) -> list:
    """Return the rows that were inserted like this one, by the primary key of each port."""
    names = [field.attname for field in row._meta.concrete_fields]
    told = {name: getattr(row, name) for name in names}
    return [
        row.from_db(connection.alias, names, (told | {"id": key, "port": port}).values())
        for port, key in keys.items()
    ]
