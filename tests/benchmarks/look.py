"""
What a sweep costs beside `ss`, `netstat`, `lsof` and psutil, on the same sockets.

    python -m tests.benchmarks.look [--rounds 21]

A machine is made up in a network and PID namespace of its own (util-linux' `unshare`), a SQLite
database of the project's own settings is migrated, and a collector sweeps it every 15 seconds
of a made-up clock. A sweep is look, parse and reconcile; its CPU time includes that of the
`ss` it runs. Each row holds medians of interleaved rounds, the ratio too. How many ports and
files there are is counted by `ss` and in /proc. It ends with 1 when a sweep costs more than its
limit, misses what happened, or tells anything else than a look without a cache. Linux only.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import django
from django.core.management import call_command

CHECKOUT = Path(__file__).resolve().parents[2]
# When this process ends, the namespace does, and with it every process of the machine.
NAMESPACES = ("--net", "--pid", "--fork", "--mount-proc", "--kill-child")


def enter_namespaces(rounds: int) -> None:
    """Start again in namespaces of our own. Never returns."""
    user = () if os.geteuid() == 0 else ("--map-root-user",)
    again = (sys.executable, "-m", "tests.benchmarks.look", "--inside", f"--rounds={rounds}")
    os.chdir(CHECKOUT)
    os.execvp("unshare", ("unshare", *user, *NAMESPACES, *again))  # noqa: S606, S607  # any unshare


def set_up(folder: str) -> None:
    """Bring up the loopback interface, and Django with an empty database in this folder."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)  # noqa: S607  # where ss is, ip is
    os.environ |= {"PORTATLAS_DATA": folder, "DJANGO_SETTINGS_MODULE": "portatlas.settings"}
    os.environ.pop("DATABASE_URL", None)
    django.setup()
    call_command("migrate", verbosity=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--rounds", type=int, default=21, help="how often each thing is measured")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    if not arguments.inside:
        enter_namespaces(arguments.rounds)
    with tempfile.TemporaryDirectory() as folder:
        set_up(folder)
        from tests.benchmarks.scenarios import Scenarios  # noqa: PLC0415  # needs Django set up

        broken = Scenarios(arguments.rounds).run()
    sys.exit("\n".join(broken) or None)


if __name__ == "__main__":
    main()
