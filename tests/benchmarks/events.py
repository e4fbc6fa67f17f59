"""
What the kernel's events cost, and whether all are told.

    python -m tests.benchmarks.events [--seconds 10]

In a network namespace of its own, as root, after `manage.py ebpf build`. The reader drains as a
watch does, every 50 ms, into a ledger. What it costs in all is the CPU of the reader, and what
the programs add to the calls of those who open and close. It ends with 1 beyond a limit. The
limits are those the project promises.
"""

import argparse
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from collector.ebpf.stream import Stream
from collector.ledger import Ledger, SocketEvent
from tests.benchmarks import cpu

CHECKOUT = Path(__file__).resolve().parents[2]
DRAIN = 0.05  # seconds from one read to the next
PAIRS = 1_000  # of TCP, and as many of UDP
RATE = 10_000  # events a second
MOST_CPU = 40.0  # percent of a core
MOST_RATIO = 1.5
ROUNDS, CALLS = 30, 1_000
FIRST_PORT, PORTS = 20_000, 10_000


def churn(pairs: int, rate: float = float("inf")) -> None:
    """Open and close sockets of TCP and UDP in turn, so many events a second."""
    began = time.monotonic()
    for i in range(pairs):
        port = FIRST_PORT + i % PORTS
        open_and_close(port) if i % 2 == 0 else bind_and_close(port)
        if i % 50 == 0:
            time.sleep(max(0.0, began + 2 * i / rate - time.monotonic()))


def open_and_close(port: int) -> None:
    with socket.socket() as tcp:
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tcp.bind(("127.0.0.1", port))
        tcp.listen()


def bind_and_close(port: int) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", port))


def expected() -> Iterator[tuple[bool, str, int]]:
    i = 0
    while True:
        for is_open in (True, False):
            yield is_open, ("tcp", "udp")[i % 2], FIRST_PORT + i % PORTS
        i += 1


def listen_to(pairs: int, rate: float) -> tuple[list[SocketEvent], int, float, float]:
    """Return what was told of a churn, how many were lost, CPU seconds and seconds."""
    events, lost, ledger = [], 0, Ledger()
    with closing(Stream()) as stream:
        churning = start_churn(pairs, rate)
        began, used = time.monotonic(), time.process_time()
        while True:
            has_ended = churning.poll() is not None
            told, missed = stream.read(), stream.lost()
            ledger.note(told, missed)
            events += told
            lost += missed
            if has_ended and not told:
                break
            time.sleep(DRAIN)
        used, took = time.process_time() - used, time.monotonic() - began
    ledger.report(datetime.now(UTC), time.monotonic())
    return events, lost, used, took


def start_churn(pairs: int, rate: float) -> subprocess.Popen:
    program = f"from tests.benchmarks.events import churn; churn({pairs}, float('{rate}'))"
    return subprocess.Popen([sys.executable, "-c", program], cwd=CHECKOUT)  # noqa: S603  # ours


def all_in_order() -> bool:
    events, lost, *_ = listen_to(2 * PAIRS, RATE)
    is_told = [each[:3] for each in events] == [*islice(expected(), 4 * PAIRS)]
    say(f"{len(events):,} of {4 * PAIRS:,} events, {lost} lost, in order: {is_told}")
    return is_told


def under_load(seconds: int, extra: float) -> bool:
    """Return whether `RATE` events a second were told or counted, for as little as promised."""
    count = seconds * RATE
    events, lost, used, took = listen_to(count // 2, RATE)
    percent, kernel = 100 * used / took, 100 * extra * RATE / 2
    say(
        f"{len(events):,} of {count:,} events, {count / took:,.0f} a second, {lost:,} lost\n"
        f"CPU      {percent:6.2f} % of a core to read, {kernel:.2f} % in the programs, "
        f"{percent + kernel:.2f} % in all (limit {MOST_CPU:g})"
    )
    is_loaded = took < 1.1 * seconds  # else the churn was too slow to prove anything
    return is_loaded and len(events) + lost == count and percent + kernel <= MOST_CPU


def of_programs() -> tuple[float, float]:
    """Return the CPU seconds of bind(), listen() and close() without the programs, and with."""

    def calls() -> None:
        for port in range(FIRST_PORT, FIRST_PORT + CALLS):
            open_and_close(port)

    without, with_them = [], []
    for _ in range(ROUNDS):
        without.append(cpu.of_call(calls))
        with closing(Stream()) as stream:
            with_them.append(cpu.of_call(calls))
            stream.read()
    return min(without) / CALLS, min(with_them) / CALLS


def of_kernel() -> tuple[bool, float]:
    """Return whether the programs cost as little as promised, and how many seconds a pair."""
    without, with_them = of_programs()
    ratio = with_them / without
    say(
        f"a socket that opens and closes takes {1e6 * without:.1f} us without the programs, "
        f"{1e6 * with_them:.1f} with them: {ratio:.2f} times (limit {MOST_RATIO:g})"
    )
    return ratio <= MOST_RATIO, with_them - without


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--seconds", type=int, default=10, help="how long the load lasts")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.inside:
        again = (sys.executable, "-m", "tests.benchmarks.events", "--inside", *sys.argv[1:])
        os.chdir(CHECKOUT)
        os.execvp("unshare", ("unshare", "--net", *again))  # noqa: S606, S607  # any unshare
    sys.stdout.reconfigure(line_buffering=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)  # noqa: S607  # where ss is, ip is
    is_cheap, extra = of_kernel()
    is_well = [is_cheap, all_in_order(), under_load(options.seconds, max(0.0, extra))]
    sys.exit(0 if all(is_well) else "Beyond a limit.")


if __name__ == "__main__":
    main()
