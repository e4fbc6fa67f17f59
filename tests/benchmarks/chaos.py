"""
Agents against a hub whose parts are killed under load: nothing acknowledged is lost.

    python -m tests.benchmarks.chaos [--rounds 3] [--away 45]

It starts a PostgreSQL (with fsync), a Redis, web, worker and beat of its own on loopback, and the
agents of made-up machines, of which every other sweep brings news (fleet.py; the agents are the
real ones, with their spools). In each round web, worker, PostgreSQL, Redis and beat get `kill -9`
in turn, with all their processes, and are started again a second later. Then web is away for a
while. 45 seconds of one sweep per second are as many sweeps as 11 minutes of one in 15 seconds;
`--interval 15 --away 600` takes that time. At last all spools are emptied by agents started anew,
and the database is held against what was seen (account.py). It ends with 1 when a sweep that was
acknowledged is lost, when anything is there that was not seen or is there twice, when coverage
has a gap that the agents' own record has not, or when the judge misses faults made on purpose.
"""

import argparse
import os
import random
import secrets
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from statistics import mean

import django

from collector.agent.answer import Then
from tests.benchmarks.fleet import Machine, Station
from tests.benchmarks.stack import RESTART, Stack

VICTIMS = ("web", "worker", "postgres", "redis", "beat")
PATIENCE = 300  # seconds for all that waits to be taken
UNWELCOME = (Then.LATE, Then.DROP, Then.BE_LET_IN)
SOME = timedelta(seconds=1)
MADE = {"lost events", "lost sweeps", "falsely disappeared", "doubled events"}  # on purpose


def main() -> None:
    arguments = _parser().parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (arguments.keep or Path(temporary)).resolve()
        folder.mkdir(exist_ok=True)
        stack = Stack(folder)
        os.environ |= stack.environment
        try:
            stack.start()
            django.setup()
            faults = run(stack, folder, arguments)
        finally:
            stack.end()
    sys.exit(1 if faults else 0)


def run(stack: Stack, folder: Path, arguments: argparse.Namespace) -> Counter[str]:
    """Do all of it, tell it, and return what was wrong."""
    stations = people(stack.url, folder, arguments)
    for station in stations:
        station.start()
    dwell(stack, arguments.between)
    back = kill_in_turn(stack, arguments)
    for name, seconds in back.items():
        ends = stack.parts[name].ends
        by_itself = f", and ended {ends} times by itself" if ends else ""
        tell(f"{name}: killed {len(seconds)} times, back after {mean(seconds):.1f} s{by_itself}")
    stay_away(stack, stations, arguments.away)
    for station in stations:
        station.stop()
    deadline = time.monotonic() + PATIENCE
    while not all(station.deliver() for station in stations if station.waiting):
        if time.monotonic() > deadline:
            break
        dwell(stack, 1)
    return judge(stack, stations)


def people(url: str, folder: Path, arguments: argparse.Namespace) -> list[Station]:
    """Return hosts with their agents, enrolled, and have the rules look at what they bring."""
    from django.contrib.auth.models import User  # noqa: PLC0415  # needs Django set up
    from django.db import connection  # noqa: PLC0415  # as above
    from django.utils import timezone  # noqa: PLC0415  # as above
    from django_celery_beat.models import PeriodicTask  # noqa: PLC0415  # as above

    from portatlas.notifications.models import Rule  # noqa: PLC0415  # as above
    from portatlas.tokens import services  # noqa: PLC0415  # as above
    from portatlas.tokens.scopes import Scope  # noqa: PLC0415  # as above

    PeriodicTask.objects.get(task="collector.tasks.collect").delete()  # this machine is none of it
    Rule.objects.create(name="new", kind=Rule.Kind.NEW_PORT)
    somebody = User.objects.create_superuser("chaos", password=secrets.token_urlsafe())
    chance = random.Random(arguments.seed)  # noqa: S311  # a plan, no secret
    stations = []
    for number in range(arguments.hosts):
        host_id = f"host-{number:03}"
        _, token = services.make(
            somebody,
            name=host_id,
            scopes=[Scope.WRITE_SWEEPS],
            at=timezone.now(),
            host_id=host_id,
        )
        plan = random.Random(chance.random())  # noqa: S311  # as above
        machine = Machine(host_id, arguments.interval, arguments.ports, plan)
        stations.append(Station(machine, url, token, folder / host_id))
    connection.close()  # PostgreSQL will be killed
    return stations


def kill_in_turn(stack: Stack, arguments: argparse.Namespace) -> dict[str, list[float]]:
    """Kill each part once in each round; return the seconds until they served again."""
    back = defaultdict(list)
    for _ in range(arguments.rounds):
        for name in VICTIMS:
            part, began = stack.parts[name], time.monotonic()
            part.kill()
            dwell(stack, RESTART)
            part.start()
            part.wait()
            back[name].append(time.monotonic() - began)
            dwell(stack, arguments.between)
    return back


def stay_away(stack: Stack, stations: list[Station], seconds: float) -> None:
    """Let there be no hub for a while, and tell how long its agents take to bring what they saw."""
    web = stack.parts["web"]
    web.kill()
    dwell(stack, seconds)
    waiting = sum(station.waiting for station in stations)
    web.start()
    web.wait()
    began = time.monotonic()
    is_delivered = until(stack, lambda: all(station.waiting <= 1 for station in stations))
    took = f"{time.monotonic() - began:.0f} s later" if is_delivered else "never"
    tell(f"no hub for {seconds:g} s: {waiting} sweeps waited, all delivered {took}")


def judge(stack: Stack, stations: list[Station]) -> Counter[str]:
    """Hold the database against what was seen and acknowledged; tell and return the faults."""
    from django.db import transaction  # noqa: PLC0415  # needs Django set up

    faults = compare(stations)
    with transaction.atomic():
        falsify(stations[0].machine.host_id)
        noticed = compare(stations) - faults
        transaction.set_rollback(True)
    if not noticed.keys() >= MADE:
        faults["faults that the judge does not see"] += 1
    for station in stations:
        unknown = station.machine.seen.keys() - set(station.acknowledged)
        faults["sweeps that were never taken"] += len(unknown)
        faults["sweeps that agents dropped"] += station.dropped
        faults["sweeps out of order"] += station.acknowledged != sorted(station.acknowledged)
        for answer in UNWELCOME:
            faults[f"answers: {answer.value}"] += station.answers[answer]
    if not until(stack, heard_of_everything):
        faults["rules that don't hear of what happened"] += 1
    answers = sum((station.answers for station in stations), Counter())
    tell(
        f"{len(stations)} hosts, {answers.total()} requests, "
        f"{sum(len(set(station.acknowledged)) for station in stations)} sweeps acknowledged, "
        f"{sum(account.events.total() for account in expected(stations))} events, "
        f"{sum(len(account.stretches) - 1 for account in expected(stations))} gaps of the agents"
    )
    tell(f"made on purpose, and seen by the judge: {dict(noticed)}")
    faults = +faults
    for kind, count in faults.items():
        tell(f"WRONG: {count} {kind}")
    tell("nothing lost, nothing false" if not faults else "NOT as promised")
    return faults


def expected(stations: list[Station]):
    from tests.benchmarks import account  # noqa: PLC0415  # needs Django set up

    for station in stations:
        yield account.told(station.machine, set(station.acknowledged))


def compare(stations: list[Station]) -> Counter[str]:
    """Count what is wrong with the records of all hosts."""
    from tests.benchmarks import account  # noqa: PLC0415  # needs Django set up

    faults = Counter()
    for station, told in zip(stations, expected(stations), strict=True):
        faults += account.differences(told, account.recorded(station.machine.host_id))
    return faults


def falsify(host_id: str) -> None:
    """Take a sweep out of the record of a host, and put in what it did not see."""
    from django.db.models import F  # noqa: PLC0415  # needs Django set up

    from collector.models import Host, PortEvent  # noqa: PLC0415  # as above

    events = PortEvent.objects.filter(port_runtime__host=host_id, event_type="appeared")
    lost, twice, false = events.order_by("pk")[:3]
    lost.delete()
    twice.pk = None
    twice.save()
    false.pk, false.event_type, false.timestamp = None, "disappeared", false.timestamp + SOME
    false.save()
    Host.objects.filter(pk=host_id).update(sweeps=F("sweeps") - 1)


def heard_of_everything() -> bool:
    """Whether worker and beat had the rules evaluated as far as events go."""
    from collector.models import PortEvent  # noqa: PLC0415  # needs Django set up
    from portatlas.notifications.models import Rule  # noqa: PLC0415  # as above

    return Rule.objects.get().last_event == PortEvent.objects.latest("pk").pk


def dwell(stack: Stack, seconds: float) -> None:
    """Let time pass; whatever ends by itself meanwhile is started again."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        stack.mind()
        time.sleep(0.05)


def until(stack: Stack, condition: Callable[[], bool]) -> bool:
    """Wait for something, and return whether it came to pass in time."""
    deadline = time.monotonic() + PATIENCE
    while not (met := condition()) and time.monotonic() < deadline:
        dwell(stack, 0.2)
    return met


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--hosts", type=int, default=20)
    parser.add_argument("--ports", type=int, default=50, help="of each host")
    parser.add_argument("--interval", type=float, default=1, help="seconds between two sweeps")
    parser.add_argument("--rounds", type=int, default=3, help="how often each part is killed")
    parser.add_argument("--between", type=float, default=6, help="seconds between two kills")
    parser.add_argument("--away", type=float, default=45, help="seconds without a hub")
    parser.add_argument("--seed", type=int, default=1, help="of what is done by chance")
    parser.add_argument("--keep", type=Path, help="an empty folder for logs and database")
    return parser


if __name__ == "__main__":
    main()
