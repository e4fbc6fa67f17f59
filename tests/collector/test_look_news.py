"""What a look tells of what the kernel told before it."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from collector.bell import Bell
from collector.ledger import MOST
from collector.look import Watch
from collector.pace import NEVER
from collector.sweep import EventSource, Verdict
from tests.collector.told import Told

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
LISTING = "echo 'tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* ino:1 sk:1 cgroup:/ <->'"
BROKEN = "exit 1"


@pytest.fixture
def told():
    with closing(Told()) as told:
        yield told


@pytest.fixture
def watch(told, fake_ss):
    fake_ss(LISTING)
    return Watch(Bell(told))


def look(watch):
    """Return how far a look is believed, and what it tells: cookies with what is known of them."""
    sweep = watch.look("here", at=AT, timeout=30)
    assert {(each.opened_at or AT) <= AT for each in sweep.news.sockets} <= {True}
    return sweep.verdict, [
        (each.cookie, each.opened_at is not None, each.closed_at is not None)
        for each in sweep.news.sockets
    ]


def test_what_was_told_goes_with_the_next_look_and_no_later_one(told, watch):
    told.open("a")

    first, second = look(watch), look(watch)

    assert first == (Verdict.COMPLETE, [("a", True, False)])
    assert second == (Verdict.COMPLETE, [])


def test_what_is_told_while_ss_runs_calls_for_a_look_of_its_own(told, watch, monkeypatch):
    see = watch._see
    monkeypatch.setattr(watch, "_see", lambda *args, **kw: told.open("a") or see(*args, **kw))

    assert look(watch) == (Verdict.COMPLETE, [])

    watch.bell.hear(0)
    assert watch.bell.due < NEVER


def test_a_look_that_fails_tells_nothing_and_the_next_one_all(told, watch, fake_ss):
    fake_ss(BROKEN)
    told.open("a")
    failed = look(watch)
    told.shut("a")

    fake_ss(LISTING)

    assert failed == (Verdict.FAILED, [])
    assert look(watch) == (Verdict.COMPLETE, [("a", True, True)])


def test_a_look_that_is_repeated_tells_what_the_first_one_told_and_what_came_since(told, watch):
    told.open("a")
    told.open("b")
    look(watch)
    told.shut("a")
    told.open("c")

    watch.forget()

    assert look(watch)[1] == [("b", True, False), ("a", True, True), ("c", True, False)]
    assert look(watch)[1] == []


def test_what_could_not_be_kept_is_told_again_once_however_often_that_is_said(told, watch, fake_ss):
    told.open("a")
    look(watch)
    watch.take_back()
    watch.take_back()
    fake_ss(BROKEN)
    look(watch)
    watch.take_back()
    fake_ss(LISTING)

    assert look(watch)[1] == [("a", True, False)]
    watch.take_back()
    assert look(watch)[1] == [("a", True, False)]
    assert look(watch)[1] == []


def test_however_long_it_can_not_be_kept_it_is_bounded(told, watch):
    for each in range(3):
        for number in range(MOST // 2):
            told.open(f"{each}.{number}")
        look(watch)
        watch.take_back()

    cookies = [cookie for cookie, *_ in look(watch)[1]]

    assert len(cookies) == MOST
    assert cookies[-1] == f"2.{MOST // 2 - 1}"


def test_the_kernel_is_told_what_was_seen(told, watch):
    look(watch)

    assert told.known == [[("tcp", 22)]]


def test_a_look_says_what_tells_of_ports_or_why_nothing_does(told, watch, fake_ss):
    seen = watch.look("here", at=AT, timeout=30)
    fake_ss(BROKEN)
    failed = watch.look("here", at=AT + timedelta(seconds=1), timeout=30)
    alone = Watch(Bell(reason="libbpf 1 is missing.")).look("here", at=AT, timeout=30)

    assert [each.event_source for each in (seen, failed, alone)] == [
        EventSource.EBPF,
        EventSource.EBPF,
        EventSource.NOTHING,
    ]
    assert alone.event_source_reason == "libbpf 1 is missing."
