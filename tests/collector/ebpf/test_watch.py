"""`manage.py watch` as people run it, told by the kernel of real ports."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from collector.ebpf import support
from tests.conftest import CHECKOUT

PATIENCE = 60  # seconds until a test gives up
HOURLY = """
UPDATE django_celery_beat_intervalschedule SET every = 1, period = 'hours'
WHERE id = (SELECT interval_id FROM django_celery_beat_periodictask
            WHERE task = 'collector.tasks.collect')
"""
EVENTS = """
SELECT event_type, cause, timestamp < last_sweep_at FROM collector_portevent AS event
JOIN collector_portruntime AS port ON port.id = port_runtime_id
JOIN collector_host AS host USING (host_id)
WHERE port = ? ORDER BY event.id
"""


class Watching:
    """A `manage.py watch` that looks once an hour, unless the kernel calls for it."""

    def __init__(self, folder):
        self.database = folder / "portatlas.sqlite3"
        self.ask(HOURLY)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PORTATLAS_BOOTSTRAP": "off",
            "PORTATLAS_DATA": str(folder),
        }
        self.process = subprocess.Popen(  # noqa: S603  # our own file
            [sys.executable, CHECKOUT / "manage.py", "watch"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def ask(self, query, *values):
        with closing(sqlite3.connect(self.database, timeout=PATIENCE)) as database, database:
            return database.execute(query, values).fetchall()

    def wait_for(self, query, *values, answer):
        deadline = time.monotonic() + PATIENCE
        while (found := self.ask(query, *values)) != answer:
            assert self.process.poll() is None, self.process.stdout.read()
            assert time.monotonic() < deadline, found
            time.sleep(0.05)

    def end(self, number):
        self.process.send_signal(number)
        said, _ = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, said


@pytest.fixture
def watching(_kernel_tells, new_database, tmp_path):
    new_database(tmp_path / "data")
    watching = Watching(tmp_path / "data")
    yield watching
    with watching.process:
        watching.process.kill()


def test_a_port_is_recorded_when_the_kernel_tells_of_it_with_the_time_that_it_tells(watching):
    watching.wait_for("SELECT event_source FROM collector_host", answer=[("ebpf",)])

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        appeared = ("appeared", "observed", 1)
        watching.wait_for(EVENTS, port, answer=[appeared])
    disappeared = ("disappeared", "observed", 1)
    watching.wait_for(EVENTS, port, answer=[appeared, disappeared])

    status, said = watching.end(signal.SIGTERM)

    # What follows that line tells of the other ports of this machine.
    first = said.splitlines()[0]
    assert (status, first) == (
        0,
        "The kernel tells of each port that opens or closes here, by eBPF.",
    )


@pytest.mark.usefixtures("_kernel_tells")
def test_whether_the_kernel_tells_can_be_asked():
    out = StringIO()

    call_command("watch", "--check", stdout=out)

    assert out.getvalue() == "The kernel tells of each port that opens or closes here, by eBPF.\n"


def test_where_it_does_not_it_is_said_why(monkeypatch):
    monkeypatch.setattr(support, "OBJECT", "not built")

    with pytest.raises(CommandError) as told:
        call_command("watch", "--check")

    assert told.value.returncode == 1
    assert str(told.value) == (
        "Nothing tells of ports between two looks here. "
        "The eBPF programs are not built. “manage.py ebpf build” does that."
    )
