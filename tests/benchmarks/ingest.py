"""
What it costs to take the sweeps of a fleet: 1,000 hosts with 100 ports each, one in ten changed.

    python -m tests.benchmarks.ingest

On an SQLite database of the project's own settings, and where DATABASE_URL names a PostgreSQL on
this machine in a test database there. What counts is the CPU time, user and system together, of
this process and of PostgreSQL's for it. First sweeps are recorded as the API does it: nine of ten
are told by their digest, of the tenth three ports changed, and its digest is still to be computed.
The reference, in the same run, is get_or_create for every port of a sweep. Then the same fleet,
each host with a token of its own, posts its digests for a minute to gunicorn as `up` starts it;
what counts is the CPU time of the web process. It ends with 1 when a figure is beyond its limit.
"""

import argparse
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import django
from django.core.management import call_command
from django.db import connection, transaction

from collector.sweep import Listener, Sweep, Verdict
from tests.benchmarks.record import CHECKOUT, INTERVAL, listener

if TYPE_CHECKING:
    from collector.services import Outcome

HOSTS, PORTS = 1_000, 100
ONE_IN, CHANGES = 10, 3  # sweeps that change, and ports that change in them
ROUNDS = 10  # of all hosts
LEAST = {"sqlite": 1_500, "postgresql": 700}  # sweeps for each second of CPU
LEAST_TIMES_REFERENCE = 100
LEAST_REQUESTS = 250  # for each second of CPU of the web process
A_MINUTE = 60 // INTERVAL  # rounds
REFERENCES = 10  # sweeps
PATIENCE = 60  # seconds until gunicorn serves
TICKS = os.sysconf("SC_CLK_TCK")


class Host:
    """A made-up host; what it listens on is the same for all hosts, so that it fits in memory."""

    def __init__(self, name: str, known: dict[tuple[int, str], Listener], start: datetime) -> None:
        self.name, self._known, self._start = name, known, start
        self._sweeps = 0
        self._sockets = dict.fromkeys(range(1, PORTS + 1), "1")
        self.digest = ""

    def change(self) -> None:
        """Bind a port anew, take one away and open another."""
        rebound, gone, *_ = self._sockets
        last = max(self._sockets)
        del self._sockets[rebound], self._sockets[gone]
        self._sockets |= {rebound: f"{self._sweeps:x}f", last % 65_000 + 1: "1"}

    def sweep(self) -> Sweep:
        self._sweeps += 1
        return Sweep(**self._head(), listeners=tuple(self._listeners()))

    def by_digest(self) -> Sweep:
        self._sweeps += 1
        return Sweep(**self._head())

    def _listeners(self) -> Iterator[Listener]:
        for socket_ in sorted(self._sockets.items()):
            if socket_ not in self._known:
                self._known[socket_] = listener(*socket_)
            yield self._known[socket_]

    def _head(self) -> dict:
        return {
            "host_id": self.name,
            "machine_id": self.name,
            "boot_id": "1",
            "taken_at": self._start + timedelta(seconds=INTERVAL * self._sweeps),
            "verdict": Verdict.COMPLETE,
            "interval": INTERVAL,
        }


class Report:
    """Prints figures beside their limits, and keeps whether all of them hold."""

    def __init__(self) -> None:
        self.holds = True

    def tell(self, name: str, figure: float, least: float | None = None, unit: str = "") -> None:
        beyond = least is not None and figure < least
        self.holds &= not beyond
        told = "" if least is None else f" of {least:7,.5g}"
        sys.stdout.write(f"{name:62}{figure:9,.4g}{told} {unit}{'  TOO LITTLE' * beyond}\n")
        sys.stdout.flush()


class Clock:
    """The CPU time of this process, and of PostgreSQL's process for its connection."""

    def __init__(self) -> None:
        self._backend = None
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                [self._backend] = cursor.fetchone()
        self._begin = self._used()

    def spent(self) -> float:
        return self._used() - self._begin

    def _used(self) -> float:
        return time.process_time() + (cpu_of(self._backend) if self._backend else 0)


def cpu_of(pid: int) -> float:
    """Return the seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def fleet() -> list[Host]:
    """Return hosts that are recorded; their last sweeps are a quarter of an hour old."""
    start = datetime.now(UTC) - timedelta(minutes=15)
    known: dict[tuple[int, str], Listener] = {}
    hosts = [Host(f"host-{number}", known, start) for number in range(HOSTS)]
    for host in hosts:
        host.digest = take(host.sweep()).digest
    return hosts


def take(sweep: Sweep, digest: str = "") -> "Outcome":
    from collector import intake  # noqa: PLC0415  # needs Django set up
    from collector.wire import Message  # noqa: PLC0415  # as above

    message = Message(sweep, digest, is_confirmed=False)
    return intake.take(message, at=datetime.now(UTC), alive_every=3600)


def record(report: Report, hosts: list[Host]) -> None:
    spent = {True: 0.0, False: 0.0}
    for number in range(ROUNDS):
        changed = hosts[number::ONE_IN]
        for host in changed:
            host.change()
        unchanged = [host for host in hosts if host not in changed]
        # Those that arrive whole were just read: nothing is computed of them yet.
        whole = [host.sweep() for host in changed]
        whole = [replace(each, listeners=tuple(map(replace, each.listeners))) for each in whole]
        told = [(host.by_digest(), host.digest) for host in unchanged]
        for some, arguments in ((changed, [(each,) for each in whole]), (unchanged, told)):
            clock = Clock()
            outcomes = [take(*each) for each in arguments]
            spent[some is changed] += clock.spent()
            raise_unless_right(outcomes, changed=some is changed)
            for host, outcome in zip(some, outcomes, strict=True):
                host.digest = outcome.digest
    name = connection.display_name
    sweeps = ROUNDS * HOSTS
    rate = sweeps / sum(spent.values())
    report.tell(f"{name}: an unchanged sweep", 1e3 * spent[False] / (sweeps * 0.9), unit="ms")
    report.tell(f"{name}: a changed sweep", 1e3 * spent[True] / (sweeps * 0.1), unit="ms")
    report.tell(f"{name}: sweeps in a second of CPU", rate, LEAST[connection.vendor])
    reference = 1 / port_by_port(hosts[:REFERENCES])
    report.tell(f"{name}: sweeps by get_or_create in a second of CPU", reference)
    report.tell(f"{name}: times as many as these", rate / reference, LEAST_TIMES_REFERENCE)


def raise_unless_right(outcomes: "Iterable[Outcome]", *, changed: bool) -> None:
    """Raise RuntimeError if a sweep was not recorded for what it was."""
    expected = (False, 1, 1, 1) if changed else (True, 0, 0, 0)
    for each in outcomes:
        seen = each.unchanged, each.appeared, each.disappeared, each.rebound
        if seen != expected:
            raise RuntimeError(f"{each.sweep.host_id}: recorded {seen}, not {expected}.")


def port_by_port(hosts: Iterable[Host]) -> float:
    """Return the seconds of CPU for a sweep of which every port is got or made, and saved."""
    from collector.models import PortRuntime  # noqa: PLC0415  # needs Django set up

    sweeps = [host.sweep() for host in hosts]
    clock = Clock()
    for sweep in sweeps:
        with transaction.atomic():
            for each in sweep.listeners:
                seen = {"last_seen_at": sweep.taken_at, "current_pid": each.owner.pids[0]}
                first = {"first_seen_at": sweep.taken_at, "active_since": sweep.taken_at}
                row, _is_new = PortRuntime.objects.get_or_create(
                    host_id=sweep.host_id,
                    protocol=each.protocol,
                    port=each.port,
                    defaults=seen | first | {"scope": each.scope, "owner_state": "known"},
                )
                row.last_seen_at = sweep.taken_at
                row.save()
    return clock.spent() / len(sweeps)


class Web:
    """Gunicorn as `up` starts it, with one worker."""

    def __init__(self) -> None:
        from portatlas.management.commands.up import commands  # noqa: PLC0415  # needs Django

        self.door = socket.create_server(("127.0.0.1", 0))
        self.address = self.door.getsockname()
        handle = self.door.fileno()
        os.set_inheritable(handle, True)
        command = commands(handle)["web"]
        self.process = subprocess.Popen(command, cwd=CHECKOUT, pass_fds=[handle])  # noqa: S603  # our own
        self.wait()

    def wait(self) -> None:
        for _ in range(PATIENCE):
            web = http.client.HTTPConnection(*self.address, timeout=PATIENCE)
            web.request("GET", "/healthz")
            if web.getresponse().status == 200:
                web.close()
                return
            time.sleep(1)
        raise RuntimeError("Gunicorn does not serve.")

    def cpu(self) -> float:
        """Return the seconds of CPU of what does the work: the children of gunicorn's arbiter."""
        task = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return sum(cpu_of(int(pid)) for pid in task.read_text(encoding="ascii").split())

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.door.close()


def tokens(hosts: Iterable[Host]) -> dict[str, str]:
    """Return a secret for each host, of a member of the group of administrators."""
    from django.contrib.auth.models import Group, User  # noqa: PLC0415  # needs Django set up

    from portatlas.tokens import services  # noqa: PLC0415  # as above

    user = User.objects.create_user("agents")
    user.groups.add(Group.objects.get(name="admin"))
    made = {"scopes": ["sweeps:write"], "at": datetime.now(UTC)}
    return {
        host.name: services.make(user, name=host.name, host_id=host.name, **made)[1]
        for host in hosts
    }


def post(report: Report, hosts: list[Host]) -> None:
    secrets = tokens(hosts)
    web = Web()
    try:
        for name, keep in (
            ("on a connection that is kept", True),
            ("each on one of its own", False),
        ):
            requests = [
                [request(host, secrets[host.name]) for host in hosts] for _ in range(A_MINUTE)
            ]
            before = web.cpu()
            for each in requests:
                send(web.address, each, keep=keep)
            rate = A_MINUTE * HOSTS / (web.cpu() - before)
            told = f"{connection.display_name}: digests by HTTP in a second of CPU, {name}"
            report.tell(told, rate, LEAST_REQUESTS)
    finally:
        web.end()


def request(host: Host, secret: str) -> tuple[str, dict[str, str]]:
    head = host.by_digest().as_json()
    del head["listeners"]
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    return json.dumps(head | {"digest": host.digest}), headers


def send(address: tuple[str, int], requests: Iterable[tuple[str, dict]], *, keep: bool) -> None:
    """Post digests one after the other. Raises RuntimeError unless each is taken as unchanged."""
    web = http.client.HTTPConnection(*address, timeout=PATIENCE)
    for body, headers in requests:
        web.request("POST", "/api/v1/sweeps/", body, headers)
        answer = web.getresponse()
        told = answer.read()
        if answer.status != 200 or json.loads(told)["outcome"] != "unchanged":
            raise RuntimeError(f"{answer.status}: {told[:500]!r}")
        if not keep:
            web.close()
    web.close()


def measure(report: Report) -> None:
    hosts = fleet()
    record(report, hosts)
    connection.close()
    post(report, hosts)


def on_sqlite(report: Report) -> None:
    call_command("migrate", verbosity=0)
    measure(report)


def on_postgresql(report: Report) -> None:
    connection.settings_dict["TEST"]["NAME"] = "portatlas_benchmark"  # not that of the tests
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    # Gunicorn is to find it too.
    url, _, _name = os.environ["DATABASE_URL"].rpartition("/")
    os.environ["DATABASE_URL"] = f"{url}/portatlas_benchmark"
    try:
        measure(report)
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
        again = [sys.executable, "-m", "tests.benchmarks.ingest", "--postgresql"]
        env = os.environ | {"DATABASE_URL": url}
        report.holds &= not subprocess.run(again, cwd=CHECKOUT, env=env, check=False).returncode  # noqa: S603  # ourselves
    sys.exit(not report.holds)


if __name__ == "__main__":
    main()
