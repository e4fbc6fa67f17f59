"""Who looks at this machine, and what the others know of it."""

import subprocess
import sys
from pathlib import Path

import pytest

from collector import hearsay, tasks
from collector.bell import Bell
from collector.ebpf import support
from collector.lock import watch_lock, watched
from collector.models import Host
from collector.sweep import EventSource
from tests.conftest import CHECKOUT

TICK = {"periodic_task_name": "Sweep this host"}
HOLD = """
import sys, time
from pathlib import Path
from collector import hearsay
from collector.bell import Bell
from collector.lock import watch_lock

with watch_lock(Path(sys.argv[1]), lambda: print("waits", flush=True)) as file:
    hearsay.write(Bell(reason=sys.argv[2]), file)
    print("watches", flush=True)
    time.sleep(60)
"""


def never():
    pytest.fail("somebody else watches")


@pytest.fixture
def hold(tmp_path):
    """Return a function that starts a process which watches, or waits until it may."""
    started = []

    def hold(reason=""):
        command = [sys.executable, "-c", HOLD, str(tmp_path), reason]
        process = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)  # noqa: S603  # ours
        started.append(process)
        return process, process.stdout.readline().strip()

    yield hold
    for each in started:
        each.kill()
        each.communicate()


def test_nobody_watches_until_somebody_does(tmp_path):
    assert watched(tmp_path) is None

    with watch_lock(tmp_path, never) as file:
        hearsay.write(Bell(reason="libbpf 1 is missing."), file)
        assert watched(tmp_path) == '["", "libbpf 1 is missing."]'

    assert watched(tmp_path) is None
    assert Path(tmp_path, "watch.lock").stat().st_mode & 0o777 == 0o600


def test_who_comes_second_waits_until_the_first_was_killed(hold, tmp_path):
    first, said = hold("the first")
    second, says = hold("the second")
    assert (said, says) == ("watches", "waits")
    assert watched(tmp_path) == '["", "the first"]'

    first.kill()

    assert second.stdout.readline() == "watches\n"
    assert watched(tmp_path) == '["", "the second"]'


def test_other_processes_say_what_the_watch_says(tmp_path):
    with watch_lock(tmp_path, never) as file:
        assert (hearsay.bell(tmp_path).source, hearsay.bell(tmp_path).reason) == ("", "")

        hearsay.write(Bell(source=EventSource.EBPF), file)
        assert hearsay.bell(tmp_path).source == EventSource.EBPF


def test_without_a_watch_it_is_said_what_is_missing(tmp_path):
    bell = hearsay.bell(tmp_path)

    assert bell.source == EventSource.NOTHING
    assert bell.reason == (support.missing() or hearsay.NOBODY)


@pytest.mark.django_db
def test_while_it_is_watched_a_tick_leaves_the_look_to_the_watch_and_nothing_else_does(settings):
    with watch_lock(settings.DATA_DIR, never) as file:
        hearsay.write(Bell(source=EventSource.EBPF), file)
        tasks.collect.apply(headers=TICK, throw=True)
        assert Host.objects.count() == 0

        tasks.collect.apply(throw=True)
        assert Host.objects.get().event_source == "ebpf"


@pytest.mark.django_db
def test_when_the_watch_was_killed_the_next_tick_looks(hold, settings):
    watch, _ = hold()
    watch.kill()
    watch.wait()

    tasks.collect.apply(headers=TICK, throw=True)

    host = Host.objects.get()
    assert (host.event_source, host.event_source_reason) == (
        "",
        support.missing() or hearsay.NOBODY,
    )
