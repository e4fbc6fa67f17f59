"""
A soak of `up`: what it recorded, held against what was done while it watched.

    python -m tests.benchmarks.soak [--minutes 20] [--kill] [--interval 15]

It starts an `up` of its own in a network of its own (util-linux' `unshare`), and a churn that
opens, closes, renames, forks, hands over, restarts and kills hundreds of listeners (churn.py).
With `--kill`, every one to two minutes the worker, beat, gunicorn or gunicorn's worker gets
`kill -9`; every other worker gets it while it looks. Then nothing moves for five minutes, so
that every owner has to be right, and everything is judged (judge.py). It ends with 1 when
anything was lost, invented, given to a wrong owner or left without one, or when a killed process
did not come back. `--keep FOLDER` keeps all that was recorded; `--judge FOLDER` judges it again.
Linux only; as root, since nobody else sees every owner.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from itertools import cycle
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import django
import psutil

CHECKOUT = Path(__file__).resolve().parents[2]
VICTIMS = ("worker", "beat", "web", "web's worker", "worker while it looks")
BETWEEN_KILLS = (60, 120)  # seconds
BACK_WITHIN = 30  # seconds for a process to be there, or there again
SETTLE = 360  # seconds at the end: more than the five minutes in which owners are verified
SET_INTERVAL = """
from django_celery_beat.models import IntervalSchedule, PeriodicTask
every, _ = IntervalSchedule.objects.get_or_create(every={}, period="seconds")
for task in PeriodicTask.objects.filter(task="collector.tasks.collect"):
    task.interval = every
    task.save()
"""


def enter_a_network_of_our_own() -> None:
    """Start again where nobody else opens ports. Never returns."""
    user = () if os.geteuid() == 0 else ("--map-root-user",)
    again = (sys.executable, "-m", "tests.benchmarks.soak", "--inside", *sys.argv[1:])
    os.chdir(CHECKOUT)
    os.execvp("unshare", ("unshare", *user, "--net", *again))  # noqa: S606, S607  # any unshare


def set_up_django(folder: Path) -> None:
    os.environ |= {
        "PORTATLAS_DATA": str(folder / "data"),
        "PORTATLAS_BOOTSTRAP": "off",  # this Python has it all, and no way to the package index
        "DJANGO_SETTINGS_MODULE": "portatlas.settings",
    }
    os.environ.pop("DATABASE_URL", None)
    django.setup()


def manage(*arguments, **options):
    return subprocess.Popen([sys.executable, CHECKOUT / "manage.py", *arguments], **options)  # noqa: S603  # our own file


@contextmanager
def running_up(folder: Path):
    """Run an `up`; yield its process and its URL."""
    log = folder / "up.log"
    with log.open("w", encoding="utf-8") as file:
        up = manage("up", "--port", "0", stdout=file, stderr=subprocess.STDOUT)
    try:
        while " Ctrl-C stops it" not in (said := log.read_text(encoding="utf-8")):
            if up.poll() is not None:
                sys.exit(f"It did not come up:\n{said}")
            time.sleep(0.2)
        yield up, said.split("Port Atlas is up: ")[1].split()[0]
    finally:
        stop(up)


def stop(up: subprocess.Popen) -> None:
    up.terminate()
    up.wait()


@contextmanager
def running_churn(folder: Path, seconds: float, seed: int):
    """Run the churn; its sockets stay open until the end of the block."""
    command = (sys.executable, "-m", "tests.benchmarks.churn", folder)
    options = (f"--seconds={seconds}", f"--seed={seed}")
    churn = subprocess.Popen(  # noqa: S603  # our own module
        (*command, *options), stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=CHECKOUT
    )
    try:
        yield churn
    finally:
        churn.communicate()


class Killer:
    """Kills the children of an `up` in turn, by PID, and writes down when they were back."""

    def __init__(self, up: psutil.Process, url: str, folder: Path, seed: int) -> None:
        self.up = up
        self.url = url
        self.lock = folder / "data" / "collect.lock"
        self.chance = random.Random(seed)  # noqa: S311  # a plan, no secret
        self.victims = cycle(VICTIMS)
        self.file = (folder / "kills.jsonl").open("a", encoding="utf-8", buffering=1)
        self.plan()

    def plan(self) -> None:
        self.next_at = time.monotonic() + self.chance.uniform(*BETWEEN_KILLS)

    def kill_if_due(self) -> None:
        if time.monotonic() < self.next_at:
            return
        victim = next(self.victims)
        if victim == "worker while it looks":
            self.wait_for_a_look()
        process = self.find(victim)
        at = time.time()
        process.kill()
        kill = {"victim": victim, "at": at, "back": self.wait_for_another(victim, process, at)}
        self.file.write(f"{json.dumps(kill)}\n")
        self.plan()

    def find(self, victim: str) -> psutil.Process | None:
        word = "gunicorn" if victim.startswith("web") else victim.split(maxsplit=1)[0]
        for child in self.up.children():
            with suppress(psutil.Error):  # it ends at this very moment
                if word in child.cmdline():
                    workers = child.children()
                    return child if victim != "web's worker" else workers[0] if workers else None
        return None

    def wait_for_a_look(self) -> None:
        """Wait until the worker holds the lock of the sweep, one interval or so."""
        inode = f":{self.lock.stat().st_ino} "
        end = time.monotonic() + BACK_WITHIN
        while time.monotonic() < end:
            if inode in Path("/proc/locks").read_text(encoding="ascii"):
                return
            time.sleep(0.005)

    def wait_for_another(self, victim: str, old: psutil.Process, at: float) -> float | None:
        """Return when there was another of its kind, None if there was none in time."""
        while time.time() < at + BACK_WITHIN:
            other = self.find(victim)
            if other and other != old and (not victim.startswith("web") or self.serves()):
                return time.time()
            time.sleep(0.1)
        return None

    def serves(self) -> bool:
        with suppress(URLError, OSError), urlopen(f"{self.url}healthz", timeout=5) as answer:  # noqa: S310  # our own server
            return answer.status == 200
        return False


def soak(folder: Path, arguments: argparse.Namespace) -> None:
    from tests.benchmarks.facts import Watch  # noqa: PLC0415  # needs Django set up

    seconds = arguments.minutes * 60
    set_interval = ("shell", "--verbosity=0", "--command", SET_INTERVAL.format(arguments.interval))
    for command in (("migrate", "--verbosity=0"), set_interval):
        if manage(*command).wait():
            sys.exit(f"manage.py {command[0]} failed.")
    with Watch(folder) as watch, running_up(folder) as (up, url):
        if not watch.has_seen_one.wait(BACK_WITHIN + arguments.interval):
            sys.exit("No sweep is recorded.")
        killer = Killer(psutil.Process(up.pid), url, folder, arguments.seed)
        with running_churn(folder, seconds, arguments.seed) as churn:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                if churn.poll() is not None or up.poll() is not None:
                    sys.exit("The churn or `up` broke off.")
                if arguments.kill:
                    killer.kill_if_due()
                time.sleep(0.5)
            churn.stdout.readline()
            time.sleep(arguments.settle)
            stop(up)  # so that the last it saw is the churn, with all that it left open


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--minutes", type=float, default=20, help="how long the churn lasts")
    parser.add_argument("--kill", action="store_true", help="kill -9 worker, beat and web")
    parser.add_argument("--interval", type=int, default=15, help="seconds between two sweeps")
    parser.add_argument("--settle", type=float, default=SETTLE, help="seconds of quiet at the end")
    parser.add_argument("--seed", type=int, default=1, help="of what is done by chance")
    parser.add_argument("--keep", type=Path, help="an empty folder for all that is recorded")
    parser.add_argument("--judge", type=Path, help="such a folder, to judge it once more")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    for folder in filter(None, (arguments.keep, arguments.judge)):
        folder.mkdir(parents=True, exist_ok=True)
    if not arguments.inside and not arguments.judge:
        enter_a_network_of_our_own()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (arguments.judge or arguments.keep or Path(temporary)).resolve()
        set_up_django(folder)
        if not arguments.judge:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)  # noqa: S607  # where ss is, ip is
            soak(folder, arguments)
        from tests.benchmarks import verdict  # noqa: PLC0415  # needs Django set up

        sys.exit(verdict.tell(folder, arguments.interval))


if __name__ == "__main__":
    main()
