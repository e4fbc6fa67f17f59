"""
Deliveries to a receiver that fails half the time, by two workers of which one is killed.

    python -m tests.benchmarks.webhooks [--deliveries 200] [--seed 1]

The workers are Celery's, on a queue in files and an SQLite database of the project's own
settings; a receiver on loopback answers, fails, resets or keeps silent by chance. Half-way one
worker gets `kill -9`, and another is started as `up` would. It ends with 1 unless each delivery
was acknowledged exactly once, or is logged as given up. Where a worker was killed between the
receiver's answer and the database, the same key comes a second time, which the receiver knows.
It takes about four minutes, in two of which the claims of the killed worker run out.
"""

import argparse
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import django

CHECKOUT = Path(__file__).resolve().parents[2]
MOST_SECONDS = 900
PATIENCE = 30  # seconds in which both workers should be busy
SECRET = "correct horse battery staple"  # of a channel that lives for minutes
OUTCOMES = {"answer": 50, "error": 24, "reset": 23, "silence": 3}
SILENCE = 12  # seconds, longer than anybody waits
RESET = struct.pack("ii", 1, 0)


class Receiver(ThreadingHTTPServer):
    """What was acknowledged, by idempotency key."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, seed: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.chance = random.Random(seed)  # noqa: S311  # a plan, no secret
        self.lock = threading.Lock()
        self.acknowledged: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        server, key = self.server, self.headers["Idempotency-Key"]
        self.rfile.read(int(self.headers["Content-Length"]))
        with server.lock:
            outcome = server.chance.choices([*OUTCOMES], [*OUTCOMES.values()])[0]
            server.outcomes[outcome] += 1
            if outcome == "answer":
                server.acknowledged[key] += 1
        match outcome:
            case "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                self.connection.close()
            case "silence":
                time.sleep(SILENCE)
            case _:
                self.send_response(204 if outcome == "answer" else 503)
                self.end_headers()

    def finish(self):
        with suppress(OSError):
            super().finish()

    def log_message(self, *args):
        pass


def start_worker() -> subprocess.Popen:
    celery = [sys.executable, "-W", "ignore", "-m", "celery", "--app", "portatlas", "--quiet"]
    options = ["worker", "--pool", "solo", "--loglevel", "error"]
    options += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    return subprocess.Popen([*celery, *options], cwd=CHECKOUT)  # noqa: S603  # our own


def queue(count: int, url: str) -> None:
    from django.conf import settings  # noqa: PLC0415  # Django has to be set up before
    from django.utils import timezone  # noqa: PLC0415  # as above

    from portatlas.notifications.models import Channel, Delivery  # noqa: PLC0415  # as above
    from portatlas.notifications.vault import seal  # noqa: PLC0415  # as above

    channel = Channel.objects.create(
        name="receiver", kind="webhook", address=url, sealed=seal(SECRET, [settings.SECRET_KEY])
    )
    now = timezone.now()
    Delivery.objects.bulk_create(
        Delivery(
            channel=channel,
            channel_name=channel.name,
            subject=f"Message {number}",
            body="What there is to say.",
            document={"version": 1, "event": "raised"},
            created_at=now,
            ready_at=now,
        )
        for number in range(count)
    )


def work(receiver: Receiver, count: int) -> int:
    """Let two workers send all of it, and return how many deliveries a killed one had claimed."""
    from portatlas.celery import app  # noqa: PLC0415  # as above
    from portatlas.notifications.models import Delivery  # noqa: PLC0415  # as above

    workers = [start_worker(), start_worker()]
    held, end = None, time.monotonic() + MOST_SECONDS
    try:
        while Delivery.objects.filter(status__in=Delivery.OPEN).exists():
            if time.monotonic() > end:
                sys.stdout.write(f"It was not done within {MOST_SECONDS} s.\n")
                break
            for _worker in workers:  # once a second, where beat would say it once a minute
                app.send_task("portatlas.notifications.tasks.tick", expires=5)
            if held is None and len(receiver.acknowledged) >= count // 2:
                held = kill_while_it_holds_any(workers[0])
                workers[0] = start_worker()
            time.sleep(1)
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait()
    return held or 0


def kill_while_it_holds_any(worker: subprocess.Popen) -> int:
    """Kill a worker while both have deliveries in their hands, and count what was claimed."""
    from portatlas.notifications.delivery import BATCH  # noqa: PLC0415  # as above
    from portatlas.notifications.models import Delivery  # noqa: PLC0415  # as above

    claimed, end = Delivery.objects.filter(status="claimed"), time.monotonic() + PATIENCE
    while claimed.count() <= BATCH and time.monotonic() < end:  # one alone has less
        time.sleep(0.001)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    return claimed.count()


def judge(receiver: Receiver, held: int) -> bool:
    from portatlas.notifications.models import Delivery  # noqa: PLC0415  # as above

    rows = {str(each.key): each for each in Delivery.objects.all()}
    statuses = Counter(each.status for each in rows.values())
    unlogged = [
        key for key, each in rows.items() if each.status == "given_up" and not each.last_error
    ]
    delivered = {key for key, each in rows.items() if each.status == "delivered"}
    acknowledged = set(receiver.acknowledged)
    repeated = sum(n - 1 for n in receiver.acknowledged.values())
    sys.stdout.write(
        f"receiver: {dict(receiver.outcomes)}\n"
        f"log: {dict(statuses)}, {sum(each.attempts for each in rows.values())} attempts\n"
        f"acknowledged: {len(acknowledged)} keys; known already: {repeated} "
        f"(of {held} claimed when the worker was killed)\n"
        f"delivered, but never acknowledged: {len(delivered - acknowledged)}; "
        f"acknowledged, but not logged so: {len(acknowledged - delivered)}\n"
    )
    ended = statuses["delivered"] + statuses["given_up"] == len(rows)
    return ended and delivered == acknowledged and not unlogged and held > 0 and repeated <= held


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--deliveries", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    receiver = Receiver(arguments.seed)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "PORTATLAS_DATA": folder,
            "PORTATLAS_WEBHOOKS_PRIVATE": "true",
            "PORTATLAS_NOTIFY_BACKOFF": "1",
            "DJANGO_SETTINGS_MODULE": "portatlas.settings",
        }
        migrate = [sys.executable, CHECKOUT / "manage.py", "migrate", "--verbosity=0"]
        subprocess.run(migrate, check=True)  # noqa: S603  # our own file
        django.setup()
        queue(arguments.deliveries, f"http://127.0.0.1:{receiver.server_port}/")
        held = work(receiver, arguments.deliveries)
        is_fine = judge(receiver, held)
    sys.exit(not is_fine)


if __name__ == "__main__":
    main()
