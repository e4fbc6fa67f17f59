"""What calls for a look, and what a loop waits for."""

import os
import signal
import threading
from contextlib import closing
from datetime import UTC, datetime
from itertools import pairwise
from time import monotonic

import pytest

from collector.bell import REST, Bell
from collector.pace import AT_MOST_EVERY, NEVER, SETTLE
from collector.sweep import EventSource
from collector.wake import StoppedError, Wake
from tests.collector.told import Told

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
NOW = 1000.0
LONG = 60  # seconds; no test waits for them


@pytest.fixture
def told():
    with closing(Told()) as told:
        yield told


@pytest.fixture
def bell(told):
    return Bell(told)


@pytest.fixture
def wake(bell):
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    wake = Wake()
    wake.bell = bell
    wake.listen()
    yield wake
    for number, handler in before.items():
        signal.signal(number, handler)


def test_without_a_stream_it_never_rings_and_says_why():
    bell = Bell(reason="libbpf 1 is missing.")

    bell.hear(NOW)

    assert (bell.source, bell.reason) == (EventSource.NOTHING, "libbpf 1 is missing.")
    assert (bell.due, bell.rest(NOW)) == (NEVER, NEVER)
    assert not bell.report(AT, NOW)


def test_a_socket_that_opens_calls_for_a_look_once_it_has_settled(told, bell):
    told.open("a")
    bell.hear(NOW)

    assert bell.source == EventSource.EBPF
    assert bell.due == NOW + SETTLE
    bell.looked(NOW + SETTLE)
    assert bell.due == NEVER
    assert [each.cookie for each in bell.report(AT, NOW + SETTLE).sockets] == ["a"]


def test_what_it_calls_for_is_at_most_one_look_a_second(told, bell):
    bell.looked(NOW)
    told.open("a")

    bell.hear(NOW)

    assert bell.due == NOW + AT_MOST_EVERY


def test_what_came_and_went_calls_for_no_look(told, bell):
    told.open("a")
    told.shut("a")
    bell.hear(NOW)

    assert bell.due == NEVER
    assert [each.cookie for each in bell.report(AT, NOW).sockets] == ["a"]


def test_events_that_were_lost_call_for_a_look(told, bell):
    told.lose(3)
    bell.hear(NOW)

    assert bell.due == NOW + SETTLE
    assert bell.report(AT, NOW).lost == 3


def test_what_no_look_has_told_calls_for_one_again(told, bell):
    """As after a look that failed."""
    told.open("a")
    bell.hear(NOW)
    bell.looked(NOW)

    bell.hear(NOW + 5)

    assert bell.due == NOW + 5 + SETTLE


def test_it_rests_between_two_hearings(bell):
    assert bell.rest(NOW) == 0

    bell.hear(NOW)

    assert bell.rest(NOW) == pytest.approx(REST)
    assert bell.rest(NOW + 1) == 0


def test_a_wait_ends_when_a_look_is_due(told, wake):
    told.open("a")

    wake.wait(LONG)

    assert wake.bell.due <= monotonic()


def test_a_wait_hears_what_calls_for_nothing_and_goes_on(told, wake):
    told.open("a")
    told.shut("a")

    wake.wait(2 * REST)

    assert wake.bell.due == NEVER
    assert [each.cookie for each in wake.bell.report(AT, NOW).sockets] == ["a"]


def test_a_wait_ends_when_somebody_rings(wake):
    threading.Timer(REST, wake.ring).start()

    wake.wait(LONG)

    assert not wake.is_stopping


def test_a_flood_is_heard_now_and_then(told, wake, monkeypatch):
    heard, hear = [], wake.bell.hear
    monkeypatch.setattr(wake.bell, "hear", lambda now: heard.append(now) or hear(now))
    over = threading.Event()

    def flood():
        number = 0
        while not over.wait(REST / 20):
            number += 1
            told.open(f"{number}")
            told.shut(f"{number}")

    thread = threading.Thread(target=flood)
    thread.start()
    wake.wait(10 * REST)
    over.set()
    thread.join()

    assert len(heard) > 1
    assert min(later - each for each, later in pairwise(heard)) >= REST * 0.99


def test_a_signal_ends_a_wait(wake):
    os.kill(os.getpid(), signal.SIGTERM)

    wake.wait(LONG)

    assert wake.is_stopping


def test_a_signal_ends_what_need_not_be_finished_whoever_minds_mishaps_there(wake):
    def work():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except Exception as exc:  # noqa: BLE001  # that is the claim
            pytest.fail(f"{exc!r} was taken for a mishap")

    with pytest.raises(StoppedError), wake.interrupting():
        work()

    with pytest.raises(StoppedError), wake.interrupting():
        pytest.fail("it was begun")
