"""The production queue: the same task through a real Redis."""

import os
import socket
import subprocess
import sys
import time

import pytest

from tests.tools import require


@pytest.fixture
def redis(tmp_path):
    """A Redis of our own on a free loopback port; its URL."""
    program = require("redis-server")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = subprocess.Popen(  # noqa: S603  # the program found above
        [program, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(tmp_path)],
        stdout=subprocess.DEVNULL,
    )
    while server.poll() is None:
        with socket.socket() as attempt:
            if not attempt.connect_ex(("127.0.0.1", port)):
                break
        time.sleep(0.05)
    yield f"redis://127.0.0.1:{port}/0"
    server.terminate()
    server.wait()


def test_a_sweep_sent_through_redis_is_recorded(redis, tmp_path):
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PORTATLAS_BOOTSTRAP": "off",
        "PORTATLAS_DATA": str(tmp_path / "data"),
        "PORTATLAS_BROKER_URL": redis,
        "PORTATLAS_HOST_ID": "through-redis",
    }

    def python(*arguments):
        return subprocess.Popen(  # noqa: S603  # our own interpreter
            [sys.executable, *arguments], env=environment, stdout=subprocess.PIPE, text=True
        )

    python("manage.py", "migrate", "-v0").communicate()
    send = "from collector.tasks import collect; collect.delay()"
    python("manage.py", "shell", "-v0", "-c", send).communicate()
    worker = python("-m", "celery", "-A", "portatlas", "--quiet", "worker", "--pool", "solo")

    read = "from collector.models import Host; print(*Host.objects.values_list('verdict'))"
    found = ""
    deadline = time.monotonic() + 60
    while not found.strip() and time.monotonic() < deadline:
        found, _ = python("manage.py", "shell", "-v0", "-c", read).communicate()
    worker.terminate()
    worker.communicate()

    assert found == "('complete',)\n"
    assert not list((tmp_path / "data" / "queue").iterdir())
