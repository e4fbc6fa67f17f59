"""Which hosts were not watched at a moment that people look back to."""

from datetime import timedelta

from collector.models import Coverage
from portatlas.board.unwatched import hosts_with_watch, sentences
from tests.collector.sweeps import TICK
from tests.conftest import NOON

HOUR = timedelta(hours=1)
YESTERDAY = NOON - 24 * HOUR


def watched(add_host, name, *stretches, interval=15, **fields):
    """Record a host with stretches of coverage, in hours before noon; the last is still open."""
    spans = [(NOON - start * HOUR, NOON - end * HOUR) for start, end in stretches]
    since, until = spans[-1]
    host = add_host(
        name, watched_since=since, watched_until=until, sweep_interval=interval, **fields
    )
    for start, end in spans[:-1]:
        Coverage.objects.create(host=host, started_at=start, ended_at=end)
    Coverage.objects.create(host=host, started_at=since, ended_at=since)


def test_hosts_that_were_not_watched_then_are_named(add_host):
    watched(add_host, "always", (100, 0))
    watched(add_host, "before", (100, 20), (10, 0))
    watched(add_host, "gap", (100, 30), (10, 0))
    watched(add_host, "new-1", (2, 0))
    watched(add_host, "new-2", (3, 0))
    watched(add_host, "silent", (100, 50))
    add_host("never")

    assert sentences(hosts_with_watch(YESTERDAY), YESTERDAY, NOON) == [
        "new-1, new-2 were first looked at later than that. What is told of them is since then.",
        "silent has not been looked at since before that. What changed there is unknown.",
        (
            "gap was not watched at that moment. "
            "What changed in the gap is told as of the look that ended it."
        ),
        "never has never been looked at completely. What changes there is unknown.",
    ]


def test_a_host_whose_next_look_is_due_is_watched(add_host):
    watched(add_host, "atlas", (100, 0))

    assert sentences(hosts_with_watch(NOON + TICK), NOON + TICK, NOON + 2 * TICK) == []


def test_many_unwatched_hosts_are_cut(add_host):
    for number in range(12):
        add_host(f"web-{number:02}")

    (sentence,) = sentences(hosts_with_watch(YESTERDAY), YESTERDAY, NOON)

    assert "web-09 and 2 more have never been looked at" in sentence
