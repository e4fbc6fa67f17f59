"""
What it costs to read 10,000 rows of `ss -lntupHe`: CPU, addresses and owners included.

    python -m tests.benchmarks.parse [--rows 10000]

The rows are as iproute2 6.1 writes them on a busy machine. Each figure is the least of several
rounds; beyond the limit that the project promises it ends with 1.
"""

import argparse
import sys
from random import Random

from collector import ss
from tests.benchmarks import cpu

ROUNDS = 15
MOST = 60  # milliseconds of CPU for 10,000 rows that were never seen before
PROGRAMS = ["nginx", "python3", "postgres", "systemd-resolve", "docker-proxy", "next-server (v1"]
PLACES = [  # address, peer, and what -e says about it
    ("0.0.0.0", "0.0.0.0", ""),
    ("127.0.0.1", "0.0.0.0", ""),
    ("127.0.0.53%lo", "0.0.0.0", ""),
    ("*", "*", " v6only:0"),
    ("[::]", "[::]", " v6only:1"),
    ("[::1]", "[::]", " v6only:1"),
    ("[fe80::5054:ff:fe12:3456]%eth0", "[::]", " v6only:1"),
    ("[::ffff:10.0.0.5]", "*", " v6only:0"),
]


def render(number: int, luck: Random) -> bytes:
    """Return one row, with whatever luck decides about it."""
    address, peer, v6only = luck.choice([*PLACES, (f"10.0.{number % 200}.7", "0.0.0.0", "")])
    netid, limit = ("udp UNCONN", 0) if number % 5 == 0 else ("tcp LISTEN", 4096)
    local = f"{address}:{1 + number % 65_535}"
    pid, fd = luck.randint(300, 400_000), luck.randint(3, 400)
    users = ",".join(
        f'("{luck.choice(PROGRAMS)}",pid={pid + child},fd={fd})'
        for child in range(4 if number % 10 == 0 else 1)
    )
    uid = "" if number % 3 else f"uid:{1000 + number % 7} "
    details = f"{uid}ino:{luck.randint(10_000, 9_000_000)} sk:{number + 4096:x}"
    cgroup = f"/system.slice/service-{luck.randint(1, 500)}.service"
    return (
        f"{netid} 0      {limit:<6} {local:>36} {peer + ':*':>9} "
        f"users:({users}) {details} cgroup:{cgroup}{v6only} <->\n"
    ).encode()


def cost(output: bytes, *, after: bytes | None = None) -> float:
    """Return the milliseconds of CPU that it takes to read a text, after another one or none."""
    spent = []
    for _ in range(ROUNDS):
        memo = None
        if after is not None:
            memo = ss.Memo()
            ss.parse(after, memo=memo)
        spent.append(cpu.of_call(lambda memo=memo: ss.parse(output, memo=memo)))
    return min(spent) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--rows", type=int, default=10_000, help="how many, 10,000 if not told")
    count = parser.parse_args().rows
    rows = [render(number, Random(number)) for number in range(count)]  # noqa: S311  # no secrets
    output = b"".join(rows)
    for number in range(0, count, 100):
        rows[number] = render(number, Random(-number - 1))  # noqa: S311  # no secrets
    changed = b"".join(rows)

    cold = cost(output)
    changing = cost(changed, after=output)
    unchanged = cost(output, after=output)
    limit = MOST * count / 10_000
    sys.stdout.write(
        f"{count:,} rows of ss -lntupHe, {len(output) / 1e6:.1f} MB, in ms of CPU\n"
        f"never seen before       {cold:6.1f}   (at most {limit:g})\n"
        f"1 % of the rows changed {changing:6.1f}\n"
        f"nothing changed         {unchanged:6.1f}\n"
    )
    sys.exit(cold > limit)


if __name__ == "__main__":
    main()
