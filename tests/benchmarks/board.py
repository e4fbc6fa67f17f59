"""
What it costs to read the board and the list of the admin, at 10,000 and at 100,000 ports.

    python -m tests.benchmarks.board [--rounds 11]

Made-up fleets of 100 ports on each host, ten events for each port, are written into an SQLite
database of the project's own settings: mixed ones with every state, one in which all is healthy,
and one in which notes speak for every host. The real views are called; each figure is the CPU
time of this process, set up as the web process is, a median of interleaved rounds. "Anew" is a
board of which nothing was drawn before. It ends with 1 when a figure is beyond its limit.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from statistics import median
from types import MappingProxyType

import time_machine
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

MOST_PAGE, MOST_FRAGMENT, MOST_LIST = 60, 40, 150  # ms of CPU at 10,000 ports
MOST_TIMES_KEY_ORDER = 5  # at 100,000 ports: a page, of the same number of rows by their key
MOST_OF_JOINED = 1 / 5  # at 100,000 ports: the counts, of the same counts by joining
CARDS = 100


def costs(
    calls: dict[str, Callable[[], object]],
    rounds: int,
    first: Mapping[str, Callable[[], object]] = MappingProxyType({}),
) -> dict[str, float]:
    """
    Return the milliseconds of CPU that each call takes, in rounds of all of them.

    What comes `first` before a call of the same name is not counted.
    """
    spent: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + 1):
        for name, call in calls.items():
            first.get(name, lambda: None)()
            before = time.process_time()
            call()
            if number:  # the first round warms up
                spent[name].append(time.process_time() - before)
    return {name: 1000 * median(each) for name, each in spent.items()}


class Report:
    """Prints figures beside their limits, and keeps whether all of them hold."""

    def __init__(self) -> None:
        self.holds = True

    def tell(self, name: str, figure: float, limit: float | None = None, unit: str = "ms") -> None:
        beyond = limit is not None and figure > limit
        self.holds &= not beyond
        told = "" if limit is None else f" of {limit:7.4g}"
        verdict = "  TOO MUCH" if beyond else ""
        sys.stdout.write(f"{name:58}{figure:9.4g}{told} {unit}{verdict}\n")


class Reader:
    """Who may do everything, and so is shown everything."""

    def __init__(self) -> None:
        from django.contrib.auth import get_user_model  # noqa: PLC0415  # needs Django set up

        self.client = Client(SERVER_NAME="localhost")
        self.client.force_login(get_user_model().objects.create_superuser("reader"))
        self.tag = ""
        self.statuses: Counter[int] = Counter()

    def get(self, address: str = "/", **headers: str):
        answer = self.client.get(
            address, headers={name.replace("_", "-"): each for name, each in headers.items()}
        )
        self.statuses[answer.status_code] += 1
        self.tag = answer.get("ETag", self.tag)
        return answer

    def fragment(self):
        return self.get(HX_Request="true")

    def unchanged(self):
        """Ask for the fragment that was got last."""
        return self.get(HX_Request="true", If_None_Match=self.tag)

    def anew(self, **headers: str):
        """Get a board from a process that has drawn none yet."""
        from portatlas.board import cards, lane, strip  # noqa: PLC0415  # needs Django set up

        for drawn in (cards._drawn, lane._drawn, strip.draw):
            drawn.cache_clear()
        return self.get(**headers)


def a_minute_later(traveller) -> None:
    """Let a minute pass in which every host was looked at, and the port that came first went."""
    from collector.models import Host, PortEvent, PortRuntime  # noqa: PLC0415  # needs Django set up

    traveller.shift(timedelta(minutes=1))
    now = timezone.now()
    Host.objects.update(last_look_at=now, last_sweep_at=now, watched_until=now)
    port = PortRuntime.objects.filter(current_state="active").order_by("pk")[0]
    port.current_state, port.last_disappeared_at = "disappeared", now
    port.save(update_fields=["current_state", "last_disappeared_at"])
    PortEvent.objects.create(
        port_runtime=port, event_type="disappeared", timestamp=now, cause=PortEvent.Cause.OBSERVED
    )


def at_10_000(report: Report, reader: Reader, rounds: int) -> None:
    from tests.benchmarks import atlas  # noqa: PLC0415  # needs Django set up

    now = timezone.now()
    atlas.build(atlas.Fleet(10_000), now)
    with time_machine.travel(now, tick=False) as traveller:
        spent = costs(
            {
                "page, anew": reader.anew,
                "page": reader.get,
                "fragment, anew": lambda: reader.anew(HX_Request="true"),
                "fragment": reader.fragment,
                "later": reader.fragment,
                "unchanged": reader.unchanged,
                "search": lambda: reader.get("/?q=shop"),
                "one state": lambda: reader.get("/?state=known"),
                "list": lambda: reader.get("/admin/portatlas/port/"),
            },
            rounds,
            first={"later": lambda: a_minute_later(traveller)},
        )
    sys.stdout.write("10,000 ports, mixed\n")
    report.tell("the board, anew", spent["page, anew"], MOST_PAGE)
    report.tell("the board", spent["page"], MOST_PAGE)
    report.tell("its fragment, anew", spent["fragment, anew"])
    report.tell("its fragment", spent["fragment"], MOST_FRAGMENT)
    report.tell("its fragment a minute and a change later", spent["later"], MOST_FRAGMENT)
    report.tell("its fragment when nothing changed", spent["unchanged"])
    report.tell("the board, searched", spent["search"])
    report.tell("the board, one state", spent["one state"])
    report.tell("the list of the admin", spent["list"], MOST_LIST)
    if reader.statuses.pop(304) != rounds + 1 or set(reader.statuses) != {200}:
        raise RuntimeError(f"Not every page was shown: {dict(reader.statuses)}")


def at_100_000(report: Report, reader: Reader, rounds: int, **kind: bool) -> None:
    from collector.models import Host  # noqa: PLC0415  # needs Django set up
    from portatlas.models import Memory, Port  # noqa: PLC0415  # as above
    from portatlas.tally import page, tally  # noqa: PLC0415  # as above
    from tests.benchmarks import atlas  # noqa: PLC0415  # as above

    fleet, now = atlas.Fleet(**kind), timezone.now()
    atlas.build(fleet, now)
    hosts, ports = list(Host.objects.all()), Port.objects.all()
    numbers = tally(now, hosts)
    by_key = ports.select_related("note", "host").order_by("host_id", "protocol", "port")
    spent = costs(
        {
            "page": lambda: page(now, ports, numbers, offset=0, limit=CARDS),
            "by key": lambda: list(by_key[:CARDS]),
            "middle": lambda: page(now, ports, numbers, offset=numbers.total // 2, limit=CARDS),
            "counts": lambda: tally(now, hosts),
            "joined": lambda: tally(now, hosts, ports),
            "never seen": lambda: list(Memory.objects.never_seen()[:CARDS]),
            "stale": lambda: ports.stale(now.date()).count(),
            "awaited": lambda: ports.awaited().count(),
            "board": reader.get,
        },
        rounds,
    )
    sys.stdout.write(f"\n100,000 ports and 1,000,000 events, {fleet}\n")
    report.tell("a page", spent["page"])
    report.tell("as many rows in the order of their keys", spent["by key"])
    report.tell(
        "... of which the page is", spent["page"] / spent["by key"], MOST_TIMES_KEY_ORDER, "times"
    )
    report.tell("the page in the middle", spent["middle"])
    report.tell("the counts", spent["counts"])
    report.tell("the same by joining", spent["joined"])
    report.tell(
        "... of which the counts are", spent["counts"] / spent["joined"], MOST_OF_JOINED, ""
    )
    report.tell("100 notes of ports never seen", spent["never seen"])
    report.tell("the number of stale ones", spent["stale"])
    report.tell("the number of those awaited after a boot", spent["awaited"])
    report.tell("the whole board", spent["board"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--rounds", type=int, default=11, help="how often each thing is measured")
    rounds = parser.parse_args().rounds
    sys.stdout.reconfigure(line_buffering=True)
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"PORTATLAS_DATA": folder, "DJANGO_SETTINGS_MODULE": "portatlas.settings"}
        os.environ.pop("DATABASE_URL", None)
        import portatlas.wsgi  # noqa: F401, PLC0415  # sets up Django as the web process does

        call_command("migrate", verbosity=0)
        reader = Reader()
        at_10_000(report, reader, rounds)
        at_100_000(report, reader, rounds)
        at_100_000(report, reader, rounds, is_mixed=False)
        at_100_000(report, reader, rounds, has_shared_notes=True)
    sys.exit(not report.holds)


if __name__ == "__main__":
    main()
