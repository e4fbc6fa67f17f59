"""
What the board and its counts cost at 10,000,000 events, beside what they cost at 1,000,000.

    python -m tests.benchmarks.scale [--rounds 31]

A made-up fleet of 100,000 ports on 1,000 hosts, with every state and a note on four of five, is
written with 1,000,000 events of its last ten days. A copy of the database is kept as it is; to the
other as many events are added nine times, each time ten days older. Both are then read in turn, by
the real views and in one process, so that what else the machine does slows both; each figure is
the CPU time of this process and of PostgreSQL's for it, a median of rounds. "Anew" is a board of
which nothing was drawn before.

On SQLite first, then on PostgreSQL: where DATABASE_URL names one on this machine in databases of
its own there, else on a server that is started for it. Each takes up to 4 GB, one after the other,
and some minutes of writing. All is removed at the end. It ends with 1 when a ratio is beyond its
limit.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median

import time_machine
from django.db import connection, connections
from django.utils import timezone

from tests.benchmarks.board import Reader, Report
from tests.benchmarks.cluster import cluster

MOST_TIMES = 1.2  # of what it costs at a tenth of the events
TIMES, DAYS = 10, timedelta(days=10)
NAME = "portatlas_scale"
FILLING = "PRAGMA cache_size = -500000"  # KiB that SQLite may have while it is filled
TICKS = os.sysconf("SC_CLK_TCK")


class Database:
    """One of both databases: a connection of its own, which stays open, and its clock."""

    def __init__(self, wrapper) -> None:
        self.wrapper = wrapper
        self._backend = None
        if wrapper.vendor == "postgresql":
            with wrapper.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                [self._backend] = cursor.fetchone()

    def cost(self, call: Callable[[], object]) -> float:
        """Return the seconds of CPU that a call takes here: of this process and the server's."""
        connections["default"] = self.wrapper
        before = self._used()
        call()
        return self._used() - before

    def size(self) -> int:
        """Return the bytes that it takes on the disk."""
        if not self._backend:
            return Path(self.wrapper.settings_dict["NAME"]).stat().st_size
        with self.wrapper.cursor() as cursor:
            cursor.execute("SELECT pg_database_size(current_database())")
            [size] = cursor.fetchone()
        return size

    def _used(self) -> float:
        return time.process_time() + (_used_by(self._backend) if self._backend else 0)


def _used_by(backend: int) -> float:
    """Return the seconds of CPU of a backend, and of the workers that PostgreSQL has ended."""
    # Of a backend alone /proc tells ticks of 10 ms; this is clock_getcpuclockid(3), to the ns.
    own = time.clock_gettime((~backend << 3) | 2)
    server = int(_stat(backend)[1])
    return own + sum(map(int, _stat(server)[13:15])) / TICKS


def _stat(pid: int) -> list[str]:
    """Return the fields of proc_pid_stat(5) from the third on: state, parent, ..."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()


class Progress:
    """Tells what is done, and when."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def tell(self, what: str) -> None:
        seconds = time.monotonic() - self._start
        sys.stdout.write(f"{connection.display_name}, {seconds:.0f} s: {what}\n")


@contextmanager
def databases(now: datetime) -> Iterator[tuple[Reader, Database, Database]]:
    """Yield one with 1,000,000 events, one with ten times as many, and who reads either."""
    progress = Progress()
    many, usual = connections["default"], connection.settings_dict["NAME"]
    with tempfile.TemporaryDirectory() as folder:
        place = f"{folder}/" if many.vendor == "sqlite" else ""
        many.settings_dict["TEST"]["NAME"] = place + NAME
        many.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        few = many.copy()
        few.settings_dict |= many.creation.get_test_db_clone_settings("few")
        made = [None]
        try:
            reader = Reader()
            fill(now)
            many.close()  # which also empties the log of SQLite
            made.insert(0, "few")
            many.creation.clone_test_db("few", verbosity=0)
            progress.tell("1,000,000 events")
            for times in range(1, TIMES):
                add_events(now - times * DAYS)
                progress.tell(f"{times + 1},000,000 events")
            tidy()
            many.close()
            both = Database(few), Database(many)
            progress.tell(" and ".join(f"{each.size() / 2**30:.2f} GB" for each in both))
            yield reader, *both
        finally:
            connections["default"] = many
            few.close()
            for suffix in made:
                many.creation.destroy_test_db(verbosity=0, suffix=suffix)
            many.settings_dict["NAME"] = usual


def fill(now: datetime) -> None:
    from tests.benchmarks import atlas  # noqa: PLC0415  # needs Django set up

    _may_take_memory()
    atlas.build(atlas.Fleet(), now)
    tidy()


def add_events(until: datetime) -> None:
    """Add 1,000,000 events of the ten days before, ten for each port, in one transaction."""
    from collector.models import PortEvent, PortRuntime  # noqa: PLC0415  # needs Django set up
    from tests.benchmarks import atlas  # noqa: PLC0415  # as above

    _may_take_memory()
    every = f"n CROSS JOIN {PortRuntime._meta.db_table} port"
    with connection.cursor() as cursor:
        cursor.execute(atlas._insert(PortEvent, atlas.EVENTS, atlas._event(until), source=every))


def tidy() -> None:
    """Do what PostgreSQL does by itself within a minute, and SQLite never."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")


def _may_take_memory() -> None:
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(FILLING)


def measure(report: Report, rounds: int) -> None:
    from collector.models import Host  # noqa: PLC0415  # needs Django set up
    from portatlas.tally import tally  # noqa: PLC0415  # as above

    now = timezone.now()
    with databases(now) as (reader, few, many), time_machine.travel(now, tick=False):
        hosts = list(Host.objects.all())
        calls = {
            "the board, anew": reader.anew,
            "what refreshes it": reader.fragment,
            "the counts": lambda: tally(now, hosts),
            "the counts by the API": lambda: reader.get("/api/v1/summary/"),
        }
        spent: dict[tuple[str, Database], list[float]] = defaultdict(list)
        order = [few, many]
        for number in range(rounds + 1):
            order.reverse()  # the second finds more of it in the caches of the processor
            for name, call in calls.items():
                for database in order:
                    cost = database.cost(call)
                    if number:  # the first round warms up
                        spent[name, database].append(cost)
        if set(reader.statuses) != {200}:
            raise RuntimeError(f"Not every page was shown: {dict(reader.statuses)}")
        for name in calls:
            before, after = (1000 * median(spent[name, each]) for each in (few, many))
            told = f"{connection.display_name}: {name}"
            report.tell(f"{told}, 1,000,000 events", before)
            report.tell(f"{told}, 10,000,000 events", after)
            report.tell("... which is", after / before, MOST_TIMES, "times")


def on_each_database(rounds: int) -> bool:
    """Return whether all limits hold. Settings are read once: another database, another process."""
    url = os.environ.pop("DATABASE_URL", "")
    holds = _inside({}, rounds)
    with nullcontext(url) if url.startswith("postgres") else cluster() as server:
        return _inside({"DATABASE_URL": server}, rounds) and holds


def _inside(environment: dict[str, str], rounds: int) -> bool:
    command = [sys.executable, "-m", "tests.benchmarks.scale", "--inside", f"--rounds={rounds}"]
    # In a group of its own it is interrupted once, by us, and not while it removes what it made.
    process = subprocess.Popen(command, env=os.environ | environment, process_group=0)  # noqa: S603  # ourselves
    try:
        return not process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--rounds", type=int, default=31, help="how often each thing is measured")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that all is removed
    if not options.inside:
        sys.exit(not on_each_database(options.rounds))
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"PORTATLAS_DATA": folder, "DJANGO_SETTINGS_MODULE": "portatlas.settings"}
        import portatlas.wsgi  # noqa: F401, PLC0415  # sets up Django as the web process does

        measure(report, options.rounds)
    sys.exit(not report.holds)


if __name__ == "__main__":
    main()
