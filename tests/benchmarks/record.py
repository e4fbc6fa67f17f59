"""
What it costs to record a sweep: statements, write-ahead log, new rows and CPU time.

    python -m tests.benchmarks.record

Made-up sweeps of made-up hosts, 15 seconds apart by a made-up clock, are recorded in an SQLite
database of the project's own settings. Where DATABASE_URL names a PostgreSQL, a test database is
made there to record the 10,000 new listeners in too; its CPU time is that of this process,
without the server's. It ends with 1 when a number is beyond its limit, or when a sweep was not
recorded for what it was. `reconcile` alone is measured: sweeps are made beforehand, their
digests within. Statements that only begin or end a transaction are not counted.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median

import django
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from collector.sweep import (
    Ancestor,
    Endpoint,
    Family,
    Listener,
    Owner,
    OwnerState,
    Protocol,
    Scope,
    Sweep,
    Verdict,
)

CHECKOUT = Path(__file__).resolve().parents[2]
START = datetime(2026, 1, 1, tzinfo=UTC)
INTERVAL = 15  # seconds
DAY = 24 * 60 * 60 // INTERVAL  # sweeps
MOST_STATEMENTS, MOST_STATEMENTS_CHANGED = 2, 10
MOST_WAL = 8 * 1024  # bytes for each unchanged sweep
MOST_ROWS = 2_999  # in a day
MOST_CPU = 2.0  # seconds for 10,000 new listeners
ROUNDS = 5  # of which the median is told
TRANSACTION = {"BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK", "COMMIT"}


class Host:
    """A made-up host, whose listeners are told by a dictionary of port to socket cookie."""

    def __init__(self, name: str, ports: int) -> None:
        self.name = name
        self.sweeps = 0
        self.sockets = dict.fromkeys(range(1, ports + 1), "1")

    def sweep(self) -> Sweep:
        self.sweeps += 1
        return Sweep(
            host_id=self.name,
            machine_id=self.name,
            boot_id="1",
            taken_at=START + timedelta(seconds=INTERVAL * self.sweeps),
            verdict=Verdict.COMPLETE,
            interval=INTERVAL,
            listeners=tuple(listener(*socket) for socket in self.sockets.items()),
        )

    def change(self, count: int) -> tuple[int, int, int]:
        """Change so many ports; return how many appear, disappear and are bound anew."""
        ports = list(self.sockets)[:count]
        new, gone, rebound = ports[::3], ports[1::3], ports[2::3]
        self.sockets |= {port + len(self.sockets): "1" for port in new}
        self.sockets |= dict.fromkeys(rebound, "2")
        for port in gone:
            del self.sockets[port]
        return len(new), len(gone), len(rebound)


def listener(port: int, cookie: str) -> Listener:
    pid = 1000 + port
    endpoint = Endpoint(
        address="0.0.0.0",
        device="",
        scope=Scope.ANY,
        backlog=0,
        limit=4096,
        cookie=f"{cookie}{port:06x}",
        inode=100_000 + port,
        family=Family.V4,
        pid=pid,
        process_name="example-server",
    )
    owner = Owner(
        OwnerState.KNOWN,
        pids=(pid, pid + 1),
        process_name="example-server",
        cmdline=f"/usr/sbin/example-server --config /etc/example/{port}.conf --foreground",
        exe="/usr/sbin/example-server",
        user="www-data",
        started_at=START - timedelta(seconds=port),
        unit=f"example@{port}.service",
        ancestors=(Ancestor(1, "systemd"),),
    )
    return Listener(Protocol.TCP, port, (endpoint,), owner)


def reconcile(sweep: Sweep) -> tuple[int, int, int]:
    """Record a sweep; return how many ports appeared, disappeared and were bound anew."""
    from collector import services  # noqa: PLC0415  # needs Django set up

    outcome = services.reconcile(sweep)
    return outcome.appeared, outcome.disappeared, outcome.rebound


class Report:
    """Prints numbers beside their limits, and keeps whether all of them hold."""

    def __init__(self) -> None:
        self.holds = True

    def tell(self, name: str, number: float, limit: float, unit: str = "") -> None:
        verdict = "" if number <= limit else "  TOO MUCH"
        self.holds &= not verdict
        sys.stdout.write(f"{name:58}{number:>9,.6g} of {limit:>7,.6g} {unit}{verdict}\n")

    def expect(self, name: str, seen: tuple[int, int, int], expected: tuple[int, int, int]) -> None:
        if seen != expected:
            self.holds = False
            sys.stdout.write(f"{name}: recorded {seen} new, gone and re-bound, not {expected}\n")


def statements(report: Report) -> None:
    for ports in (10, 10_000):
        host = Host(f"unchanged-{ports}", ports)
        reconcile(host.sweep())
        name = f"statements, {ports:,} ports, nothing changed"
        _count(report, name, host, (0, 0, 0), MOST_STATEMENTS)
    for changes in (1, 100, 1_000):
        host = Host(f"changed-{changes}", 5_000)
        reconcile(host.sweep())
        name = f"statements, 5,000 ports, {changes:,} changed"
        _count(report, name, host, host.change(changes), MOST_STATEMENTS_CHANGED)


def _count(report: Report, name: str, host: Host, expected: tuple[int, int, int], limit: int):
    sweep = host.sweep()
    with CaptureQueriesContext(connection) as captured:
        seen = reconcile(sweep)
    asked = [query["sql"].split(maxsplit=1)[0] for query in captured.captured_queries]
    report.expect(name, seen, expected)
    report.tell(name, sum(word not in TRANSACTION for word in asked), limit)


def write_ahead_log(report: Report) -> None:
    """Tell by how much the log grows. Nothing is moved out of it meanwhile."""
    log = Path(f"{connection.settings_dict['NAME']}-wal")
    for ports in (10, 1_000, 10_000):
        host = Host(f"log-{ports}", ports)
        reconcile(host.sweep())
        sweeps = [host.sweep() for _ in range(50)]
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_autocheckpoint=0")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        sizes = [0]
        for sweep in sweeps:
            reconcile(sweep)
            sizes.append(log.stat().st_size)
        connection.close()  # the next one checkpoints as usual
        most = max(after - before for before, after in pairwise(sizes))
        report.tell(f"log of 50 unchanged sweeps of {ports:,} ports, the most", most, MOST_WAL, "B")


def day(report: Report) -> None:
    host = Host("day", 100)
    before = _rows()
    for _ in range(DAY):
        reconcile(host.sweep())
    name = f"new rows of a day, {DAY:,} sweeps of 100 ports"
    report.tell(name, _rows() - before, MOST_ROWS)


def _rows() -> int:
    """Return how many rows all tables have together."""
    tables = map(connection.ops.quote_name, connection.introspection.table_names())
    with connection.cursor() as cursor:
        return sum(
            cursor.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608  # our tables
            for table in tables
        )


def new_listeners(report: Report) -> None:
    name = f"10,000 new listeners, {connection.display_name}, CPU"
    spent = []
    for number in range(ROUNDS):
        host = Host(f"new-{number}", 10)
        reconcile(host.sweep())
        host.sockets = dict.fromkeys(range(1, 10_011), "1")
        sweep = host.sweep()
        before = time.process_time()
        seen = reconcile(sweep)
        spent.append(time.process_time() - before)
        report.expect(name, seen, (10_000, 0, 0))
    report.tell(name, round(median(spent), 3), MOST_CPU, "s")


def on_sqlite(report: Report) -> None:
    call_command("migrate", verbosity=0)
    statements(report)
    write_ahead_log(report)
    day(report)
    new_listeners(report)


def on_postgresql(report: Report) -> None:
    connection.settings_dict["TEST"]["NAME"] = "portatlas_benchmark"  # not that of the tests
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        new_listeners(report)
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--postgresql", action="store_true", help=argparse.SUPPRESS)
    inside = parser.parse_args().postgresql
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"PORTATLAS_DATA": folder, "DJANGO_SETTINGS_MODULE": "portatlas.settings"}
        url = os.environ["DATABASE_URL"] if inside else os.environ.pop("DATABASE_URL", "")
        django.setup()
        (on_postgresql if inside else on_sqlite)(report)
    if not inside and url.startswith("postgres"):
        # Settings are read once: another database is another process.
        again = [sys.executable, "-m", "tests.benchmarks.record", "--postgresql"]
        env = os.environ | {"DATABASE_URL": url}
        sys.stdout.flush()
        report.holds &= not subprocess.run(again, cwd=CHECKOUT, env=env, check=False).returncode  # noqa: S603  # ourselves
    sys.exit(not report.holds)


if __name__ == "__main__":
    main()
