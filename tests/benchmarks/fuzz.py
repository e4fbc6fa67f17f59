"""
Ask the API whatever its description allows, and what it forbids: many more requests than the test.

    python3 -m tests.benchmarks.fuzz [examples]

`examples` is how many requests of either kind each operation gets beside those that schemathesis
makes of every bound of every parameter. Prints the failures, how many answers of each status
were as the description tells, and how many right requests were refused for which rule. Ends with 1
at any failure, or if fewer than 2,000 were answered so.
"""

import os
import sys

import pytest

ENOUGH = 2_000  # requests that are answered as described
TEST = "tests/portatlas/test_schema_fuzz.py"


def main() -> int:
    os.environ["PORTATLAS_FUZZ"] = sys.argv[1] if len(sys.argv) > 1 else "50"
    failed = pytest.main([TEST, "-q", "--no-header", "--show-capture=no"])
    from tests.portatlas.test_schema_fuzz import ASKED, BROKEN  # noqa: PLC0415  # reads the environment

    statuses, codes = (
        ", ".join(f"{count} x {what}" for what, count in sorted(each.items()))
        for each in (ASKED, BROKEN)
    )
    print(f"{ASKED.total()} requests were answered as described: {statuses}")  # noqa: T201  # its use
    print(f"Of the right ones these were refused for a rule that no schema can say: {codes}")  # noqa: T201  # its use
    return int(bool(failed) or ASKED.total() < ENOUGH)


if __name__ == "__main__":
    sys.exit(main())
