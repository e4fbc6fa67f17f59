"""The hot statements of a sweep, bare, for the ORM would compile them anew each time."""

from collections.abc import Iterable
from datetime import timedelta

from django.db import connection

from collector import timekeeping
from collector.models import Host, PortRuntime
from collector.sweep import Sweep

ROWS_ON = "SELECT * FROM collector_portruntime WHERE host_id = %s AND port IN ({})"
EXTEND = """
UPDATE collector_host
SET last_look_at = %(at)s, last_sweep_at = %(at)s, watched_until = %(at)s, sweeps = sweeps + 1,
    uptime = %(uptime)s, duration = %(duration)s
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
    sql = ROWS_ON.format(", ".join(["%s"] * len(ports)))
    return PortRuntime.objects.raw(sql, [host.pk, *ports])


def extend(sweep: Sweep, digest: str, alive_every: float) -> bool:
    """
    Note that nothing changed since the last look, if so: one conditional UPDATE tells.

    The digest is that of what the sweep saw. Whoever sends it alone has no listeners in the sweep.

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
    }
    with connection.cursor() as cursor:
        cursor.execute(EXTEND, values)
        return cursor.rowcount > 0
