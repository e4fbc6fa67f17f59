"""
All benchmarks, one after the other: about an hour and a half, half of it the two soaks.

    python -m tests.benchmarks [--without-soak]

It ends with 1 when one of them ends beyond its limit. What each promises is in the README.
"""

import argparse
import subprocess
import sys

QUICK = (
    ["parse"],
    ["record"],
    ["board"],
    ["scale"],
    ["api"],
    ["reservations"],
    ["storm"],
    ["webhooks"],
    ["look"],
    ["agent"],
    ["events"],
    ["watch"],
    ["idle"],
    ["fuzz"],
    ["ingest"],
)
SOAKS = (["chaos"], ["soak"], ["soak", "--kill"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--without-soak", action="store_true", help="only what takes minutes")
    benchmarks = QUICK if parser.parse_args().without_soak else QUICK + SOAKS
    broken = []
    for name, *options in benchmarks:
        sys.stdout.write(f"\n== {' '.join([name, *options])}\n")
        sys.stdout.flush()
        command = [sys.executable, "-m", f"tests.benchmarks.{name}", *options]
        if subprocess.run(command, check=False).returncode:  # noqa: S603  # our own modules
            broken.append(" ".join([name, *options]))
    sys.exit(f"Beyond a limit: {', '.join(broken)}." if broken else 0)


if __name__ == "__main__":
    main()
