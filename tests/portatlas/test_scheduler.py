"""Two beats on one database: each turn of a task is sent by one of them."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from portatlas.celery import app
from portatlas.scheduler import SharedScheduler
from tests.conftest import CHECKOUT, NOON

PATIENCE = 60  # seconds until a test gives up
TURN = timedelta(seconds=15)


@pytest.fixture
def task(db, time_machine, monkeypatch):
    """The only task of the schedule, which ran at noon."""
    # A scheduler would close the connection whose transaction the test is in.
    monkeypatch.setattr("django_celery_beat.schedulers.close_old_connections", lambda: None)
    time_machine.move_to(NOON, tick=False)
    PeriodicTask.objects.all().delete()
    every, _ = IntervalSchedule.objects.get_or_create(every=15, period="seconds")
    return PeriodicTask.objects.create(
        name="task", task="collector.tasks.collect", interval=every, last_run_at=NOON
    )


class Beat(SharedScheduler):
    """A scheduler that notes when it sends, for there is no queue."""

    def __init__(self):
        self.sent = []
        super().__init__(app=app, lazy=True)

    def apply_async(self, entry, producer=None, advance=True, **kwargs):
        self.sent.append(app.now())


@pytest.fixture
def beats(task):
    beats = Beat(), Beat()
    for beat in beats:
        beat.tick()
    return beats


def test_each_turn_is_sent_by_whoever_comes_first(beats, task, time_machine):
    one, other = beats

    for turn, order in enumerate([(one, other), (other, one), (one, other)], start=1):
        time_machine.move_to(NOON + turn * TURN, tick=False)
        for beat in order:
            beat.tick()

    assert one.sent == [NOON + TURN, NOON + 3 * TURN]
    assert other.sent == [NOON + 2 * TURN]
    task.refresh_from_db()
    assert (task.last_run_at, task.total_run_count) == (NOON + 3 * TURN, 3)


def test_the_turn_after_a_beat_ended_is_sent_by_the_other(beats, time_machine):
    one, other = beats
    time_machine.move_to(NOON + TURN, tick=False)
    one.tick()
    other.tick()

    time_machine.move_to(NOON + 2 * TURN, tick=False)
    other.tick()

    assert (one.sent, other.sent) == ([NOON + TURN], [NOON + 2 * TURN])


def test_a_beat_that_starts_anew_knows_when_a_task_ran(beats, time_machine):
    time_machine.move_to(NOON + TURN, tick=False)
    beats[0].tick()

    time_machine.move_to(NOON + TURN + TURN / 2, tick=False)
    anew = Beat()
    wait = anew.tick()

    assert anew.sent == []
    assert 0 < wait <= TURN.total_seconds() / 2


def test_a_task_that_never_ran_is_sent_once(task, beats, time_machine):
    PeriodicTask.objects.update(last_run_at=None)
    time_machine.move_to(NOON + TURN, tick=False)
    for beat in beats:
        beat.tick()

    assert [len(beat.sent) for beat in beats] == [1, 0]


@pytest.mark.django_db(transaction=True)  # an error ends the transaction of a test
def test_without_the_database_a_turn_waits_and_beat_goes_on(beats, time_machine, caplog):
    time_machine.move_to(NOON + TURN, tick=False)
    with connection.execute_wrapper(_away):
        beats[0].tick()
    beats[1].tick()

    assert [len(beat.sent) for beat in beats] == [0, 1]
    assert "Task 'task' has to wait for the database" in caplog.text


@pytest.mark.django_db(transaction=True)  # as above
def test_once_the_database_is_back_the_next_turn_is_sent(beats, time_machine):
    time_machine.move_to(NOON + TURN, tick=False)
    with connection.execute_wrapper(_away):
        beats[0].tick()

    time_machine.move_to(NOON + 2 * TURN, tick=False)
    beats[0].tick()

    assert beats[0].sent == [NOON + 2 * TURN]


def _away(execute, sql, params, many, context):
    if sql.startswith("UPDATE"):
        raise OperationalError("it is away")
    return execute(sql, params, many, context)


def test_of_two_processes_one_sends_and_the_other_goes_on_when_it_is_killed(tmp_path, new_database):
    new_database(tmp_path)
    database = tmp_path / "portatlas.sqlite3"
    with closing(sqlite3.connect(database)) as rows, rows:
        rows.execute("UPDATE django_celery_beat_periodictask SET enabled = task LIKE '%collect'")
        rows.execute("UPDATE django_celery_beat_intervalschedule SET every = 1, period = 'seconds'")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PORTATLAS_BOOTSTRAP": "off",
        "PORTATLAS_DATA": str(tmp_path),
    }
    command = [sys.executable, "-m", "portatlas.background", "beat"]
    beats = {
        beat.pid: beat
        for beat in (subprocess.Popen(command, cwd=CHECKOUT, env=environment) for _ in "12")  # noqa: S603  # our own module
    }

    try:
        first = wait_for_a_turn(tmp_path / "queue", beats)
        beats[first].kill()
        second = wait_for_a_turn(tmp_path / "queue", beats.keys() - {first})
    finally:
        for beat in beats.values():
            beat.terminate()
            beat.wait()

    sent = len(senders(tmp_path / "queue"))
    with closing(sqlite3.connect(database)) as rows:
        (runs,) = rows.execute(
            "SELECT total_run_count FROM django_celery_beat_periodictask WHERE enabled"
        ).fetchone()
    assert {first, second} == set(beats)
    assert runs - sent in {0, 1}  # one turn may have been taken by the victim, and not been sent


def senders(folder):
    """Return the PIDs that the messages of a queue came from."""
    messages = [json.loads(file.read_bytes()) for file in folder.glob("[0-9]*")]
    return [int(each["headers"]["origin"].partition("@")[0][3:]) for each in messages]


def wait_for_a_turn(folder, pids):
    """Return which of these was the first to send something, as soon as one did."""
    deadline = time.monotonic() + PATIENCE
    while not (found := [pid for pid in senders(folder) if pid in pids]):
        assert time.monotonic() < deadline, "no task was sent"
        time.sleep(0.05)
    return found[0]
