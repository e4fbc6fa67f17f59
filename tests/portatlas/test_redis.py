"""The production queue: the same task through a real Redis."""

import os
import subprocess
import sys
import time


def test_a_sweep_sent_through_redis_is_recorded_by_one_worker(redis, tmp_path, new_database):
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
    workers = [python("-m", "portatlas.background", "worker") for _ in range(2)]

    values = "values_list('verdict', 'sweeps')"
    read = f"from collector.models import Host; print(*Host.objects.{values})"
    found = ""
    deadline = time.monotonic() + 60
    while not found.strip() and time.monotonic() < deadline:
        found, _ = python("manage.py", "shell", "-v0", "-c", read).communicate()
    for worker in workers:
        worker.terminate()  # it ends what it has begun
        worker.communicate()
    found, _ = python("manage.py", "shell", "-v0", "-c", read).communicate()

    assert found == "('complete', 1)\n"
    assert not list((tmp_path / "data" / "queue").iterdir())
