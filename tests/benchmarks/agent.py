"""
What the agent takes of a host with 100 listeners: memory, and CPU between two looks.

    python -m tests.benchmarks.agent [--seconds 300] [--interval 15] [--python /usr/bin/python3]

A machine of 500 processes is made up in a network and PID namespace of its own (util-linux'
`unshare`); the archive, as `manage.py agent build` writes it, looks at it and posts to a hub by
TLS. CPU is that of its process and of every `ss` it ran, without its start; memory is the most
that ever was resident. It ends with 1 beyond a limit. Linux only. The limits are those the
project promises; CPU is promised at 15 seconds.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from collector.agent import archive
from tests.benchmarks.machine import Machine
from tests.collector.hubs import ScriptedHub, certify

CHECKOUT = Path(__file__).resolve().parents[2]
NAMESPACES = ("--net", "--pid", "--fork", "--mount-proc", "--kill-child")
LISTENERS = 100
MOST_MEMORY, MOST_CPU = 30.0, 0.5  # MB, percent of a core
TICKS = os.sysconf("SC_CLK_TCK")


def enter_namespaces() -> None:
    """Start again in namespaces of our own. Never returns."""
    user = () if os.geteuid() == 0 else ("--map-root-user",)
    again = (sys.executable, "-m", "tests.benchmarks.agent", "--inside", *sys.argv[1:])
    os.chdir(CHECKOUT)
    os.execvp("unshare", ("unshare", *user, *NAMESPACES, *again))  # noqa: S606, S607  # any unshare


def cpu(pid: int) -> float:
    """Return the CPU seconds of a process and of the children that it waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS


def memory(pid: int, what: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(re.search(rf"{what}:\s+(\d+) kB", status)[1]) * 1024 / 1e6


def measure(folder: Path, options: argparse.Namespace) -> tuple[float, float]:
    """Return megabytes and percent."""
    machine = Machine()
    machine.open(LISTENERS)
    sys.stdout.write(f"{machine.prove()}\n")
    file, token = folder / archive.NAME, folder / "token"
    file.write_bytes(archive.build())
    token.touch(mode=0o600)
    token.write_text("secret")
    certificate, wrap = certify(folder)
    hub = ScriptedHub(wrap=wrap)
    command = [options.python, file, "--hub", hub.url, "--token-file", token]
    command += ["--ca-file", certificate, "--spool", folder / "spool", "--host", "atlas"]
    agent = subprocess.Popen([*command, "--interval", str(options.interval)])  # noqa: S603  # ours
    try:
        hub.wait(2)
        time.sleep(1)
        before, began, posts = cpu(agent.pid), time.monotonic(), len(hub.told)
        sys.stdout.write(f"start and first looks: {before:.2f} s CPU\n")
        time.sleep(options.seconds)
        percent = 100 * (cpu(agent.pid) - before) / (time.monotonic() - began)
        most, now = memory(agent.pid, "VmHWM"), memory(agent.pid, "VmRSS")
    finally:
        agent.terminate()
        agent.wait()
        hub.close()
    briefs = [each.size for each in hub.told[posts:] if not each.is_whole]
    sys.stdout.write(
        f"{len(briefs)} of {len(hub.told) - posts} sweeps were digests, of {max(briefs)} bytes; "
        f"the first was {hub.told[0].size} bytes\n"
        f"memory   {most:6.1f} MB at most, {now:.1f} MB in the end (limit {MOST_MEMORY:g})\n"
        f"CPU      {percent:6.3f} % of a core (limit {MOST_CPU:g})\n"
    )
    return most, percent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--seconds", type=int, default=300, help="how long to watch")
    parser.add_argument("--interval", type=int, default=15, help="seconds between two looks")
    parser.add_argument("--python", default=sys.executable, help="what the agent runs on")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    if not options.inside:
        enter_namespaces()
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)  # noqa: S607  # where ss is, ip is
    with tempfile.TemporaryDirectory() as folder:
        most, percent = measure(Path(folder), options)
    sys.exit("Beyond a limit." if most > MOST_MEMORY or percent > MOST_CPU else 0)


if __name__ == "__main__":
    main()
