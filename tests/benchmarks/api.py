"""
What it costs to read a page of ports by the API, beside raw SQL and orjson of the same rows.

    python -m tests.benchmarks.api [--rounds 61]

A made-up fleet with every state, 10,000 ports on 100 hosts with 1,000,000 events, is written into
an SQLite database of the project's own settings. The application is called as gunicorn calls it,
with a token; each figure is the CPU time of this process, set up as the web process is, a median
of interleaved rounds. The raw reference is one statement for the columns of the same ports, their
hosts and notes, by their primary keys: it neither looks for the ports, nor counts the others, nor
knows who asks, and what is JSON in a column stays a text in it. It ends with 1 when a figure is
beyond its limit.
"""

import argparse
import io
import json
import os
import sys
import tempfile
from collections.abc import Callable

import orjson
import time_machine
from django.core.management import call_command
from django.utils import timezone

from tests.benchmarks.board import Report, costs

MOST_TIMES_RAW = 5  # a page of 100 ports, of raw SQL and orjson of the same rows
PORTS, EVENTS = 10_000, 100  # of each port
PAGE = "/api/v1/ports/?limit=100"


class Caller:
    """A program that reads with a token, and may do everything."""

    def __init__(self) -> None:
        from django.contrib.auth import get_user_model  # noqa: PLC0415  # needs Django set up

        from portatlas.tokens.services import make  # noqa: PLC0415  # as above
        from portatlas.wsgi import application  # noqa: PLC0415  # as above

        user = get_user_model().objects.create_superuser("reader")
        _token, self.secret = make(user, name="benchmark", scopes=["read"], at=timezone.now())
        self.application = application

    def get(self, address: str, expected: str = "200 OK", **headers: str) -> bytes:
        """Return the body of an answer. Raises RuntimeError if it is not the expected one."""
        path, _, query = address.partition("?")
        environ = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": "localhost",
            "HTTP_AUTHORIZATION": f"Bearer {self.secret}",
            "wsgi.input": io.BytesIO(),
            "wsgi.errors": sys.stderr,
            "wsgi.url_scheme": "http",
            **headers,
        }
        started: list = []
        answer = self.application(environ, lambda *args: started.extend(args))
        body = b"".join(answer)
        answer.close()
        if started[0] != expected:
            raise RuntimeError(f"{address}: {started[0]} {body[:500]!r}")
        self.headers = dict(started[1])
        return body


def raw(keys: list[tuple[str, str, int]]) -> Callable[[], bytes]:
    """Return the reference: what reads these ports by their primary keys, and writes JSON."""
    from django.db import connection  # noqa: PLC0415  # needs Django set up

    from collector.models import Host  # noqa: PLC0415  # as above
    from portatlas.api import rows  # noqa: PLC0415  # as above
    from portatlas.models import Memory, Port  # noqa: PLC0415  # as above

    pks = [
        Port.objects.get(host_id=host_id, protocol=protocol, port=port).pk
        for host_id, protocol, port in keys
    ]
    # The columns that the API reads itself, the times as times.
    of_port = [
        *(*rows.PLAIN, "last_seen_at", "active_since", "id", "endpoints", "pids"),
        *("process_started_at", "first_seen_at", "last_disappeared_at"),
    ]
    of_note = [*rows.OF_NOTE, "tags", "created_at", "updated_at"]
    names = [*of_port, *rows.OF_HOST, *(f"note_{name}" for name in of_note)]
    columns = [
        *(f"p.{name}" for name in of_port),
        *(f"h.{name}" for name in rows.OF_HOST),
        *(f"n.{name}" for name in of_note),
    ]
    statement = (
        f"SELECT {', '.join(columns)} FROM {Port._meta.db_table} p "  # noqa: S608  # names of our own
        f"JOIN {Host._meta.db_table} h ON h.host_id = p.host_id "
        f"LEFT JOIN {Memory._meta.db_table} n "
        "ON n.host_id = p.host_id AND n.protocol = p.protocol AND n.port = p.port "
        f"WHERE p.id IN ({', '.join(map(str, pks))})"
    )

    def read() -> bytes:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return orjson.dumps([dict(zip(names, row, strict=True)) for row in cursor.fetchall()])

    return read


def measure(report: Report, rounds: int) -> None:
    caller = Caller()
    page = json.loads(caller.get(PAGE))
    tag = caller.headers["ETag"]
    keys = [(port["host_id"], port["protocol"], port["port"]) for port in page["results"]]
    if (page["count"], len(keys)) != (PORTS, 100):
        raise RuntimeError(f"That is no page of the fleet: {page['count']}, {len(keys)}.")
    spent = costs(
        {
            "raw": raw(keys),
            "page": lambda: caller.get(PAGE),
            "middle": lambda: caller.get(f"{PAGE}&offset=5000"),
        },
        rounds,
    )
    others = costs(
        {
            "unchanged": lambda: caller.get(PAGE, "304 Not Modified", HTTP_IF_NONE_MATCH=tag),
            "one": lambda: caller.get("/api/v1/ports/{}/{}/{}/".format(*keys[0])),
            "one state": lambda: caller.get(f"{PAGE}&state=known"),
            "then": lambda: caller.get(f"{PAGE}&at={timezone.now():%F}"),
            "events": lambda: caller.get("/api/v1/events/?limit=100"),
            "hosts": lambda: caller.get("/api/v1/hosts/?limit=100"),
            "summary": lambda: caller.get("/api/v1/summary/"),
            "summary then": lambda: caller.get(f"/api/v1/summary/?at={timezone.now():%F}"),
        },
        11,
    )
    times = spent["page"] / spent["raw"]
    sys.stdout.write("10,000 ports and 1,000,000 events\n")
    report.tell("raw SQL and orjson of 100 ports", spent["raw"])
    report.tell("the page of these 100 ports", spent["page"])
    report.tell("... of which the raw one is", times, MOST_TIMES_RAW, "times")
    report.tell("a page in the middle", spent["middle"])
    report.tell("the page when nothing changed", others["unchanged"])
    report.tell("one port", others["one"])
    report.tell("a page of one state", others["one state"])
    report.tell("the page at midnight", others["then"])
    report.tell("100 events", others["events"])
    report.tell("100 hosts", others["hosts"])
    report.tell("the summary", others["summary"])
    report.tell("the summary at midnight", others["summary then"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--rounds", type=int, default=61, help="how often a page is measured")
    rounds = parser.parse_args().rounds
    sys.stdout.reconfigure(line_buffering=True)
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "PORTATLAS_DATA": folder,
            "DJANGO_SETTINGS_MODULE": "portatlas.settings",
            "PORTATLAS_API_RATE": "1000000/min",
            "PORTATLAS_LOG_LEVEL": "WARNING",
        }
        os.environ.pop("DATABASE_URL", None)
        import portatlas.wsgi  # noqa: F401, PLC0415  # sets up Django as the web process does
        from tests.benchmarks import atlas  # noqa: PLC0415  # needs Django set up

        call_command("migrate", verbosity=0)
        now = timezone.now()
        atlas.EVENTS = EVENTS
        atlas.build(atlas.Fleet(PORTS), now)
        with time_machine.travel(now, tick=False):  # a minute is part of an ETag
            measure(report, rounds)
    sys.exit(not report.holds)


if __name__ == "__main__":
    main()
