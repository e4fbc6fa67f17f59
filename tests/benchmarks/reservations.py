"""
What it costs to get free ports where 100,000 are reserved, and to read what is reserved.

    python -m tests.benchmarks.reservations [--rounds 15]

The reservations are spread over 20 hosts, or such that finding is hard: nearly all ports of one
host are taken, or every second one, or ports are asked for that are free on all of 50 hosts. On
one host 10,000 ports listen, and 10,000 notes wait for others. Each request is committed, by the
service or by HTTP with a token, and what it got is deleted before the next.

On SQLite first, then on PostgreSQL: where DATABASE_URL names one, in a test database there, else
on a server that is started for it. Figures are the CPU time of this process and of PostgreSQL's for
it, the median and the worst of all rounds; it ends with 1 when a median is beyond its limit.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from statistics import median

from django.core.cache import cache
from django.core.management import call_command
from django.db import connection, connections, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.benchmarks.board import Report
from tests.benchmarks.cluster import cluster
from tests.benchmarks.scale import Database, tidy

MOST = {1: 50, 20: 50, 1_000: 100}  # ms of CPU for a request of so many
RESERVED = 100_000
KNOWN = 10_000  # ports that listen on the busy host, and as many notes
USUAL = range(8000, 32768)
EVERY = range(1024, 65536)
HOME = "host-00"
API = "/api/v1/reservations/"
READ = (
    f"{API}?limit=100",
    f"{API}?limit=100&status=stale",
    f"{API}check/{HOME}/tcp/9000/",
    f"{API}summary/",
)


@dataclass(frozen=True)
class Layout:
    """Which ports are reserved: expressions of SQL, for the row `i` of `RESERVED`."""

    name: str
    host: str
    port: str
    within: range | None = None
    asks_on: str = HOME


def _spread(hosts: int) -> str:
    return f"'host-' || substr(CAST(100 + i % {hosts} AS text), 2)"


def _mostly_here(here: int, port: str) -> dict[str, str]:
    """Return so many ports of the host on which one asks, and the others spread over 20."""
    return {
        "host": f"CASE WHEN i < {here} THEN '{HOME}' ELSE {_spread(20)} || 'x' END",
        "port": f"CASE WHEN i < {here} THEN {port} ELSE 8000 + i / 20 END",
    }


LAYOUTS = (
    Layout("spread over 20 hosts", _spread(20), "8000 + i / 20"),
    Layout("60,000 on this host", **_mostly_here(60_000, "1024 + i"), within=EVERY),
    Layout("every second port here", **_mostly_here(32_000, "1024 + 2 * i"), within=EVERY),
    Layout("on every host, of 50", _spread(50), "8000 + 12 * (i / 50) + i % 6", asks_on="*"),
)
ASKED = {
    "one port": {"count": 1},
    "20 ports": {"count": 20},
    "20 near 20000": {"count": 20, "near": 20000},
    "20 in a row": {"count": 20, "adjacent": True},
    "1,000 ports": {"count": 1_000},
}


@transaction.atomic
def fill(layout: Layout) -> None:
    from collector.models import Host, PortRuntime  # noqa: PLC0415  # needs Django set up
    from notes.models import PortNote  # noqa: PLC0415  # as above
    from portatlas import standing  # noqa: PLC0415  # as above
    from portatlas.contexts.reservations.models import Reservation  # noqa: PLC0415  # as above
    from tests.benchmarks import atlas  # noqa: PLC0415  # as above

    fleet, now = atlas.Fleet(is_mixed=False), timezone.now()
    here = {"host_id": f"'{HOME}'", "protocol": "'tcp'"}
    reservation = {
        "host_id": layout.host,
        "protocol": "'tcp'",
        "port": layout.port,
        "project": "'project-' || i % 200",
        "metadata": "'{}'",
        "reserved_at": atlas._time(now),
        "version": "1",
    }
    rows = (
        (Host, 1, atlas._host(now) | {"host_id": here["host_id"]}),
        (PortRuntime, KNOWN, atlas._port(fleet, now) | here | {"port": "10000 + i"}),
        (PortNote, KNOWN, atlas._note(fleet, now) | here | {"port": "20000 + i"}),
        (Reservation, RESERVED, reservation),
    )
    standing.remove(connection)
    with connection.cursor() as cursor:
        for model, _rows, _values in reversed(rows):
            cursor.execute(f"DELETE FROM {model._meta.db_table}")  # noqa: S608  # names of our own
        for model, number, values in rows:
            cursor.execute(atlas._insert(model, number, values))
    standing.install(connection)


class Clock:
    """Measures a call, again and again, and what undoes it is not measured."""

    def __init__(self, report: Report, rounds: int):
        self.report, self.rounds = report, rounds
        self.database = Database(connections["default"])

    def time(
        self,
        name: str,
        call: Callable[[], object],
        undo: Callable[[], object],
        limit: float | None = None,
    ) -> None:
        spent = []
        for _round in range(self.rounds):
            spent.append(1000 * self.database.cost(call))
            undo()
        with CaptureQueriesContext(connection) as queries:
            call()
        undo()
        told = f"{name} ({len(queries)} statements, worst {max(spent):.0f})"
        self.report.tell(told, median(spent), limit)


def measure(clock: Clock) -> None:
    caller = Caller()
    for layout in LAYOUTS:
        fill(layout)
        tidy()
        sys.stdout.write(f"\n{connection.display_name}: {RESERVED:,} {layout.name}\n")
        for name, asked in ASKED.items():
            clock.time(name, partial(by_service, layout, asked), undo, MOST[asked["count"]])
        for name in ("one port", "20 ports"):
            clock.time(f"{name} by HTTP", partial(caller.request, layout, ASKED[name]), undo, 50)
        for address in READ:
            clock.time(f"GET {address}", partial(caller.get, address), undo)


class Caller:
    """A program with a token that may do everything, on whom no limit of the API is put."""

    def __init__(self) -> None:
        from django.contrib.auth import get_user_model  # noqa: PLC0415  # needs Django set up

        from portatlas.tokens import services  # noqa: PLC0415  # as above
        from portatlas.tokens.scopes import Scope  # noqa: PLC0415  # as above

        user, _is_new = get_user_model().objects.get_or_create(
            username="caller", is_superuser=True, is_staff=True
        )
        _token, secret = services.make(user, name="CI", scopes=list(Scope), at=timezone.now())
        self.client = Client(SERVER_NAME="localhost", headers={"authorization": f"Bearer {secret}"})
        self.client.raise_request_exception = True

    def request(self, layout: Layout, asked: dict) -> None:
        within = layout.within and f"{layout.within.start}-{layout.within.stop - 1}"
        body = {"project": "asks", "host_id": layout.asks_on, "within": within, **asked}
        told = {name: value for name, value in body.items() if value}
        self._expect(self.client.post(f"{API}request/", told, "application/json"), 201)

    def get(self, address: str) -> None:
        self._expect(self.client.get(address), 200)

    def _expect(self, answer, status: int) -> None:
        cache.clear()
        if answer.status_code != status:
            raise RuntimeError(f"{answer.status_code}: {answer.content[:500]}")


def by_service(layout: Layout, asked: dict) -> None:
    from portatlas.contexts.reservations.querysets import Place  # noqa: PLC0415  # as above
    from portatlas.contexts.reservations.services import Actor  # noqa: PLC0415  # as above
    from portatlas.reserving.ground import Ground, Wanted  # noqa: PLC0415  # as above

    wanted = Wanted("asks", within=layout.within, **asked)
    place = Place(layout.asks_on, "tcp")
    Ground(HOME, USUAL).request(place, wanted, {}, by=Actor("asks"), at=timezone.now())


def undo() -> None:
    from portatlas.contexts.reservations.models import Reservation  # noqa: PLC0415  # as above

    Reservation.objects.filter(project="asks").delete()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--rounds", type=int, default=15, help="how often each thing is measured")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    if not options.inside:
        sys.exit(not on_each_database(options.rounds))
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"PORTATLAS_DATA": folder, "DJANGO_SETTINGS_MODULE": "portatlas.settings"}
        os.environ["PORTATLAS_HOST_ID"] = HOME  # so that it is tried whether ports are bound
        import portatlas.wsgi  # noqa: F401, PLC0415  # sets up Django as the web process does

        if connection.vendor == "sqlite":
            call_command("migrate", verbosity=0)
            measure(Clock(report, options.rounds))
        else:
            name = connection.settings_dict["NAME"]
            connection.creation.create_test_db(verbosity=0, autoclobber=True)
            try:
                measure(Clock(report, options.rounds))
            finally:
                connection.creation.destroy_test_db(name, verbosity=0)
    sys.exit(not report.holds)


def on_each_database(rounds: int) -> bool:
    """Return whether all limits hold. Settings are read once: another database, another process."""
    url = os.environ.pop("DATABASE_URL", "")
    holds = _inside({}, rounds)
    with nullcontext(url) if url.startswith("postgres") else cluster() as server:
        return _inside({"DATABASE_URL": server}, rounds) and holds


def _inside(environment: dict[str, str], rounds: int) -> bool:
    module = "tests.benchmarks.reservations"
    command = [sys.executable, "-m", module, "--inside", f"--rounds={rounds}"]
    return not subprocess.run(command, env=os.environ | environment, check=False).returncode  # noqa: S603  # ourselves


if __name__ == "__main__":
    main()
