"""A watch that was stopped, or hangs, keeps nobody from looking, and is told."""

import os
from time import time

import pytest

from collector import hearsay, tasks
from collector.bell import Bell
from collector.lock import HANGS_AFTER, WATCH, hangs, stir, watch_lock
from collector.models import Host
from collector.sweep import EventSource
from tests.conftest import NOON

TICK = {"periodic_task_name": "Sweep this host"}


@pytest.fixture
def watching(settings):
    """The lock of a watch that has not stirred since a day in the past."""
    with watch_lock(settings.DATA_DIR, pytest.fail) as file:
        hearsay.write(Bell(source=EventSource.EBPF), file)
        os.utime(file.fileno(), (NOON.timestamp(), NOON.timestamp()))
        yield file


def test_where_nobody_watches_nothing_hangs(tmp_path):
    assert not hangs(tmp_path)


def test_a_watch_hangs_until_it_stirs(watching, settings):
    assert hangs(settings.DATA_DIR)

    stir(watching)

    assert not hangs(settings.DATA_DIR)


def test_a_watch_that_has_just_begun_does_not_hang(settings):
    file = settings.DATA_DIR / WATCH
    file.touch()
    os.utime(file, (time() - 2 * HANGS_AFTER,) * 2)

    with watch_lock(settings.DATA_DIR, pytest.fail):
        assert not hangs(settings.DATA_DIR)


@pytest.mark.django_db
@pytest.mark.usefixtures("watching")
def test_a_tick_looks_while_the_watch_hangs_and_says_so():
    tasks.collect.apply(headers=TICK, throw=True)

    host = Host.objects.get()
    assert (host.event_source, host.event_source_reason) == ("", hearsay.HANGS)
