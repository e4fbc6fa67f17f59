"""The SQLite settings under load: readers that become writers must queue, not fail."""

import os
import subprocess
import sys

import pytest
from django.db import connection

pytestmark = pytest.mark.skipif(
    connection.vendor != "sqlite", reason="these are the settings of SQLite"
)

PROCESSES, TRANSACTIONS = 6, 150

WRITER = f"""
import django; django.setup()
from django.db import transaction
from collector.models import Host
for _ in range({TRANSACTIONS}):
    with transaction.atomic():
        host = Host.objects.get(pk="counter")
        host.sweep_interval += 1
        host.save()
"""


def test_six_processes_that_read_then_write_are_never_locked_out(tmp_path, new_database):
    environment = os.environ | {
        "PORTATLAS_DATA": str(tmp_path / "data"),
        "PORTATLAS_BOOTSTRAP": "off",
        "DJANGO_SETTINGS_MODULE": "portatlas.settings",
    }

    def python(*arguments):
        return subprocess.Popen(  # noqa: S603  # our own interpreter
            [sys.executable, *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    new_database(tmp_path / "data")
    create = (
        "from collector.models import Host; from django.utils.timezone import now; "
        "Host.objects.create(host_id='counter', last_look_at=now(), verdict='complete',"
        " owners_seen='all')"
    )
    assert python("manage.py", "shell", "-v0", "-c", create).communicate() == ("", "")

    writers = [python("-c", WRITER) for _ in range(PROCESSES)]
    said = [writer.communicate() for writer in writers]

    read = "from collector.models import Host; print(Host.objects.get().sweep_interval)"
    count, _ = python("manage.py", "shell", "-v0", "-c", read).communicate()
    assert said == [("", "")] * PROCESSES
    assert float(count) == PROCESSES * TRANSACTIONS
