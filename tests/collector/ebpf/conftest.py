import subprocess
import sys
from contextlib import closing

import pytest

from collector.ebpf.stream import Stream
from tests.collector.ebpf.kernel import require_events
from tests.conftest import CHECKOUT


@pytest.fixture(scope="session")
def _kernel_tells():
    require_events()


@pytest.fixture
def stream(_kernel_tells):
    with closing(Stream()) as stream:
        yield stream


@pytest.fixture
def start(_kernel_tells):
    """Return a function that starts a Python program of ours, behind a command."""
    started = []

    def start(program, *before, **options):
        options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "cwd": CHECKOUT} | options
        command = [*before, sys.executable, "-c", program]
        process = subprocess.Popen(command, text=True, **options)  # noqa: S603  # our own program
        started.append(process)
        return process

    yield start
    for each in started:
        each.kill()
        each.communicate()
