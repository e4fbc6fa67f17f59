"""Processes are ended, real ones, and no others."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from portatlas.reserving.ending import Fate, Processes
from tests.collector.crowd import told_by_nobody

PATIENT = 30.0  # seconds that none of these takes


@contextmanager
def child(*ignored):
    """Lend a process that is there until it is ended; what it ignores does not end it."""
    script = f"""
import signal
for number in {[int(each) for each in ignored]}:
    signal.signal(number, signal.SIG_IGN)
print("ready", flush=True)
signal.pause()
"""
    command = [sys.executable, "-I", "-S", "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: S603  # our own
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def meant(pid):
    return True


def test_what_is_asked_to_end_ends():
    with child() as one, child() as other, Processes([one.pid, other.pid]) as processes:
        fates = processes.end(meant, patience=PATIENT)

        assert fates == {one.pid: Fate.ENDED, other.pid: Fate.ENDED}
        assert (one.wait(), other.wait()) == (-signal.SIGTERM, -signal.SIGTERM)


def test_what_does_not_end_by_itself_is_killed():
    with child(signal.SIGTERM) as one, child() as other:
        with Processes([one.pid, other.pid]) as processes:
            fates = processes.end(meant, patience=0.2)

        assert fates == {one.pid: Fate.KILLED, other.pid: Fate.ENDED}
        assert one.wait() == -signal.SIGKILL


def test_what_is_not_meant_any_more_goes_on():
    with child() as one, child() as other, Processes([one.pid, other.pid]) as processes:
        fates = processes.end(lambda pid: pid == one.pid, patience=PATIENT)

        assert fates == {one.pid: Fate.ENDED, other.pid: Fate.LEFT}
        assert processes.running == [other.pid]


def test_what_has_ended_since_is_left_alone_whoever_has_its_pid():
    with child() as one, Processes([one.pid]) as processes:
        one.kill()
        one.wait()

        assert processes.running == []
        assert processes.end(meant, patience=PATIENT) == {one.pid: Fate.LEFT}


def test_what_was_not_there_is_none_of_them():
    with child() as one:
        one.kill()
        one.wait()

        with Processes([one.pid]) as processes:
            assert processes.end(meant, patience=PATIENT) == {}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_what_belongs_to_others_is_forbidden():
    def question():
        with Processes([one.pid]) as processes:
            return processes.forbidden

    with child() as one:
        assert told_by_nobody(question) == [one.pid]
        with Processes([one.pid]) as processes:
            assert processes.forbidden == []
