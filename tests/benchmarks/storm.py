"""
A storm of new ports: how many messages it makes, and what the evaluation costs.

    python -m tests.benchmarks.storm [--ports 10000]

Real sweeps are reconciled into a database of the project's own settings, with one rule of each
kind. It ends with 1 unless the storm is one message for each rule that it is for, or when the
statements of an evaluation depend on the number of ports by more than their batches.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import django
from django.db import connection
from django.test.utils import CaptureQueriesContext

CHECKOUT = Path(__file__).resolve().parents[2]
MOST_STATEMENTS = 2  # of an evaluation in which nothing changed
BATCH = 1_000
KINDS = ("new_port", "unnoted", "suspicious", "ghost", "flapping", "owner_changed", "silent")


def run(ports: int) -> bool:
    from collector.services import reconcile  # noqa: PLC0415  # Django has to be set up before
    from portatlas.notifications.models import Channel, Delivery, Rule  # noqa: PLC0415  # as above
    from portatlas.notifications.watch import evaluate  # noqa: PLC0415  # as above
    from tests.benchmarks.record import INTERVAL, START, Host  # noqa: PLC0415  # as above

    tick = timedelta(seconds=INTERVAL)
    channel = Channel.objects.create(name="channel", kind="email", address="a@example.org")
    for kind in KINDS:
        rule = Rule.objects.create(name=kind, kind=kind, since=START + tick, minutes=0)
        rule.channels.add(channel)
    host = Host("atlas", 10)

    def step(name: str, at_most: int | None = None) -> list[str]:
        reconcile(host.sweep(), confirmed=True)
        at, before = START + host.sweeps * tick, Delivery.objects.count()
        began = time.process_time()
        with CaptureQueriesContext(connection) as queries:
            evaluate(at, by_clock=False, site="https://atlas.example.org")
        spent = time.process_time() - began
        told = list(Delivery.objects.order_by("pk").values_list("subject", flat=True)[before:])
        sys.stdout.write(
            f"{name:32} {len(queries):4} statements {spent * 1000:8.1f} ms CPU   "
            f"{'; '.join(told) or 'nothing told'}\n"
        )
        nonlocal is_fine
        is_fine &= at_most is None or len(queries) <= at_most
        return told

    is_fine = True
    step("the first look")
    step("nothing new")
    host.sockets |= dict.fromkeys(range(1001, 1001 + ports), "1")
    batches = -(-ports // BATCH)
    told = step(f"{ports:,} new ports", at_most=90 + 2 * batches)
    is_fine &= sorted(told) == [
        f"[Port Atlas] {ports:,} new ports",
        f"[Port Atlas] {ports:,} unnoted ports",
    ]
    is_fine &= step("the look after", at_most=MOST_STATEMENTS) == []
    host.sockets |= {60_000: "1"}
    is_fine &= step("one more, while it is collected", at_most=90) == []
    return is_fine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--ports", type=int, default=10_000)
    ports = parser.parse_args().ports
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"PORTATLAS_DATA": folder, "DJANGO_SETTINGS_MODULE": "portatlas.settings"}
        os.environ.pop("DATABASE_URL", None)
        migrate = [sys.executable, CHECKOUT / "manage.py", "migrate", "--verbosity=0"]
        subprocess.run(migrate, check=True)  # noqa: S603  # our own file
        django.setup()
        is_fine = run(ports)
        connection.close()
    sys.exit(not is_fine)


if __name__ == "__main__":
    main()
