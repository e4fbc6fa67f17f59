"""What a test of kernel events needs of the machine: built programs, and privileges."""

import os

import pytest

from collector.ebpf import compiler, support
from tests.tools import require


def require_events() -> None:
    """Build the programs, once. Where the kernel tells nobody, the test is skipped; CI fails."""
    target = compiler.SOURCE.with_name(support.OBJECT)
    if not target.exists() or target.stat().st_mtime < compiler.SOURCE.stat().st_mtime:
        require("clang")
        compiler.build()
    if reason := support.missing():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
