"""The production queue: the same task through a real Redis."""

import os
import subprocess
import sys
import time


def test_a_sweep_sent_through_redis_is_recorded(redis, tmp_path, new_database):
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

    new_database(tmp_path / "data")
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
