"""Clocks that differ: how far the time of a host is off is told by when it sent what it saw."""

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from collector import intake, wire
from collector.models import Host
from collector.services import reconcile
from collector.sweep import Verdict
from collector.timekeeping import ours
from tests.collector.sweeps import TICK, listener, sweep
from tests.conftest import NOON

pytestmark = pytest.mark.django_db

SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=n) for n in (1, 60, 3600, 86400))


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch):
    monkeypatch.setattr(intake, "MEMORY", intake.Memory())


def bring(look, at, sent_at=None, digest=""):
    """Take what an agent sends, and return its host."""
    said = json.loads(json.dumps(look.as_json()))
    if sent_at:
        said["sent_at"] = sent_at.isoformat()
    if digest:
        said["digest"] = digest
        del said["listeners"]
    intake.take(wire.message(said), at=at, alive_every=3600)
    return Host.objects.get()


@pytest.mark.parametrize(
    ("taken", "sent", "ahead"),
    [
        (-HOUR, -HOUR, -3600),
        (4 * MINUTE, 4 * MINUTE, 240),
        (-SECOND, -SECOND, 0),
        (-2 * SECOND, -2 * SECOND, -2),
        # It waited for a hub that was away.
        (-HOUR, timedelta(), 0),
        (-2 * HOUR, -HOUR, -3600),
        (-HOUR, HOUR, 3600),
        # The clock was set back before it was sent.
        (-MINUTE, -HOUR, -60),
        # An agent that does not tell.
        (-HOUR, None, 0),
    ],
)
@pytest.mark.parametrize("by_digest", [False, True])
def test_how_far_a_host_is_off_is_kept_with_each_sweep(taken, sent, ahead, by_digest):
    at = NOON + DAY
    first = sweep(listener(80), taken_at=at + taken - TICK)
    bring(first, at - TICK)

    host = bring(
        sweep(listener(80), taken_at=at + taken),
        at,
        sent_at=None if sent is None else at + sent,
        digest=first.digest if by_digest else "",
    )

    assert (host.sweeps, host.clock_ahead) == (2, ahead)


def test_it_costs_no_statement_of_its_own():
    first = sweep(listener(80))
    bring(first, NOON)

    with CaptureQueriesContext(
        connection,
    ) as asked:
        host = bring(sweep(ticks=1), NOON + TICK + HOUR, NOON + TICK, first.digest)

    assert host.clock_ahead == -3600
    assert len(asked) == 2  # the one UPDATE, and what this test reads


@pytest.mark.parametrize("verdict", [Verdict.PARTIAL, Verdict.FAILED])
def test_a_look_that_is_not_complete_tells_it_too(verdict):
    bring(sweep(listener(80)), NOON)
    look = sweep(ticks=1, verdict=verdict, reason="?")

    assert bring(look, NOON + TICK + HOUR, look.taken_at).clock_ahead == -3600


def test_the_first_look_at_a_host_tells_it():
    assert bring(sweep(listener(80)), NOON + HOUR, NOON).clock_ahead == -3600


def test_a_clock_that_is_set_right_is_right_at_once():
    bring(sweep(listener(80), uptime=1000), NOON + HOUR, NOON)
    right = sweep(listener(80), taken_at=NOON + HOUR + TICK, uptime=1015)

    assert bring(right, right.taken_at, right.taken_at).clock_ahead == 0


def test_while_a_clock_that_was_set_back_catches_up_it_is_known_when_a_look_was_taken():
    """Such looks are dated like the last one before, so that no time moves back (N63)."""
    bring(sweep(listener(80), uptime=9000), NOON, NOON)
    looked_at = []
    for tick in range(1, 4):
        past = sweep(listener(80), ticks=tick - 99, uptime=9000 + 15 * tick)
        host = bring(past, NOON + tick * TICK, past.taken_at)
        looked_at.append(ours(host.last_look_at, host.clock_ahead))

    assert host.last_look_at == NOON
    assert looked_at == [NOON + tick * TICK for tick in range(1, 4)]


@pytest.mark.parametrize("taken", ["1970-01-01T00:00:00+00:00", NOON.isoformat()])
@pytest.mark.parametrize(
    "sent", ["1970-01-01T00:00:00+00:00", NOON.isoformat(), "2199-12-31T23:59:59+00:00"]
)
def test_no_agent_is_seen_later_than_it_was_heard(taken, sent):
    """So that none that lies can pass for one that still reports when it does no more."""
    said = sweep().as_json() | {"taken_at": taken, "sent_at": sent}

    intake.take(wire.message(said), at=NOON, alive_every=3600)

    host = Host.objects.get()
    assert ours(host.last_look_at, host.clock_ahead) <= NOON


def test_the_clock_of_our_own_host_is_ours():
    reconcile(sweep(listener(80), uptime=9000))
    reconcile(sweep(listener(80), taken_at=NOON - HOUR, uptime=9015))

    assert Host.objects.get().clock_ahead == 0
