"""The hot statements of a sweep, bare, for the ORM would compile them anew each time."""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.db import connection
from django.db.models import Model

from collector import timekeeping
from collector.models import Host, PortRuntime
from collector.sweep import Sweep

EXTEND = """
UPDATE collector_host
SET last_look_at = %(at)s, last_sweep_at = %(at)s, watched_until = %(at)s, sweeps = sweeps + 1,
    uptime = %(uptime)s, duration = %(duration)s, clock_ahead = %(ahead)s
WHERE host_id = %(host)s AND machine_id = %(machine)s AND boot_id = %(boot)s
    AND source = %(source)s AND sweep_interval = %(interval)s
    AND verdict = 'complete' AND digest = %(digest)s
    AND last_look_at < %(at)s AND last_look_at >= %(patience)s AND last_alive_at > %(alive)s
"""


def rows_on(host: Host, keys: Iterable[tuple[str, int]]) -> Iterable[PortRuntime]:
    """Return the rows of a host with the port numbers of these keys, of either protocol."""
    ports = {port for _, port in keys}
    if not ports:
        return ()
    places = ", ".join(["%s"] * len(ports))
    condition = f"host_id = %s AND port IN ({places}) ORDER BY port, protocol"
    return _read(PortRuntime, condition, [host.pk, *ports])


def active_on(host_id: str, ports: Collection[int]) -> set[tuple[str, int]]:
    """Return the keys of those of the ports that are active on a host."""
    active = PortRuntime.objects.filter(host=host_id, current_state=PortRuntime.State.ACTIVE)
    return set(active.filter(port__in=ports).values_list("protocol", "port"))


def locked(host_id: str) -> Host | None:
    """Return a host, None if it is not known. Until the transaction ends nobody else writes it."""
    lock = connection.ops.for_update_sql() if connection.features.has_select_for_update else ""
    return next(iter(_read(Host, f"host_id = %s {lock}", [host_id])), None)


def save(host: Host) -> None:
    """Write all that a host which is known tells of itself: texts, numbers and times."""
    sql, names = _update(connection.vendor)
    time = connection.ops.adapt_datetimefield_value
    values = [getattr(host, name) for name in names]
    values = [time(each) if isinstance(each, datetime) else each for each in values]
    with connection.cursor() as cursor:
        cursor.execute(sql, [*values, host.pk])


@cache
def _update(_vendor: str) -> tuple[str, list[str]]:
    """Return the statement that writes a host, and the names of the values that it takes."""
    fields = [field for field in Host._meta.concrete_fields if not field.primary_key]
    columns = ", ".join(f"{connection.ops.quote_name(field.column)} = %s" for field in fields)
    sql = f"UPDATE {Host._meta.db_table} SET {columns} WHERE host_id = %s"  # noqa: S608  # our names
    return sql, [field.attname for field in fields]


def extend(
    sweep: Sweep, digest: str, alive_every: float, looked_at: datetime | None = None
) -> bool:
    """
    Note that nothing changed since the last look, if so: one conditional UPDATE tells.

    The digest is that of what the sweep saw. Whoever sends it alone has no listeners in the sweep.
    `looked_at` is when it was taken by our clock, if that is another than its own.

    It writes a single page of the database, whatever the number of ports: the last sight of
    every active port stands on its host, and so does the open stretch of coverage.
    """
    time = connection.ops.adapt_datetimefield_value
    values = {
        "host": sweep.host_id,
        "machine": sweep.machine_id,
        "boot": sweep.boot_id,
        "source": sweep.source,
        "interval": sweep.interval,
        "digest": digest,
        "at": time(sweep.taken_at),
        "patience": time(sweep.taken_at - timekeeping.patience(sweep.interval)),
        "alive": time(sweep.taken_at - timedelta(seconds=alive_every)),
        "uptime": sweep.uptime,
        "duration": sweep.duration,
        "ahead": timekeeping.ahead(sweep, looked_at),
    }
    with connection.cursor() as cursor:
        cursor.execute(EXTEND, values)
        return cursor.rowcount > 0


def _read(model: type[Model], condition: str, values: Sequence[Any]) -> list[Any]:
    """Return the rows of a table that meet a condition, as the ORM returns them."""
    names, columns, converters = _columns(model, connection.vendor)
    sql = f"SELECT {columns} FROM {model._meta.db_table} WHERE {condition}"  # noqa: S608  # our names
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        found = [list(row) for row in cursor.fetchall()]
    for row in found:
        for place, convert, expression in converters:
            row[place] = convert(row[place], expression, connection)
    return [model.from_db(connection.alias, names, row) for row in found]


@cache
def _columns(
    model: type[Model], vendor: str
) -> tuple[list[str], str, list[tuple[int, Callable[..., Any], Any]]]:
    """Return the names of the fields, the columns, and by which steps values become Python's."""
    table = model._meta.db_table
    fields = model._meta.concrete_fields
    converters = []
    for place, field in enumerate(fields):
        expression = field.get_col(table)
        steps = connection.ops.get_db_converters(expression)
        steps += expression.get_db_converters(connection)
        converters += [(place, step, expression) for step in steps]
    # To PostgreSQL a bare `user` is whoever is connected.
    columns = ", ".join(connection.ops.quote_name(field.column) for field in fields)
    return [field.attname for field in fields], columns, converters
