"""What the kernel told between two looks, as rows, events and lines in the database."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from collector import transients, wire
from collector.intake import take
from collector.models import Host, PortEvent, PortRuntime, Transient
from collector.news import News, SocketNews
from collector.remembered import Trace
from collector.services import reconcile
from collector.sweep import EventSource, Verdict
from tests.collector.sweeps import listener, sweep
from tests.conftest import NOON

pytestmark = pytest.mark.django_db

OLD = listener(80, cookie="a")
NEW = listener(80, cookie="b", pid=200, name="caddy")
BOTH = replace(OLD, endpoints=OLD.endpoints + NEW.endpoints)
LOOK = 15  # seconds from the first look to the second, which is given news
NOTHING = None, [], []


def after(seconds):
    return NOON + timedelta(seconds=seconds)


def socket(cookie, opened=None, closed=None, *, port=80, protocol="tcp"):
    """Return the news of a socket, with times in seconds after the first look."""
    times = [at if at is None else after(at) for at in (opened, closed)]
    return SocketNews(protocol, port, "0.0.0.0", cookie, 200, "caddy", *times)  # as ss prints it


def news(*sockets, lost=0):
    return News(sockets, lost)


def look(*listeners, ticks=1, **fields):
    """Reconcile a sweep that also sees SSH, so that it is never empty."""
    return look_with(news(), *listeners, ticks=ticks, **fields)


def look_with(told, *listeners, ticks=1, before=None, **fields):
    seen = sweep(listener(22), *listeners, ticks=ticks, news=told, **fields)
    return reconcile(seen, before=before)


def state():
    row = PortRuntime.objects.filter(port=80).first()
    return row and row.current_state


def events():
    """Return what happened to the port since the first look, each in seconds after that."""
    found = PortEvent.objects.filter(port_runtime__port=80, cause="observed").order_by("pk")
    return [(each.event_type, (each.timestamp - NOON).total_seconds()) for each in found]


def lines():
    found = Transient.objects.order_by("pk")
    return [
        (each.port, *[(at - NOON).total_seconds() for at in (each.opened_at, each.closed_at)])
        for each in found
    ]


# What was recorded, the news, what is held; its state, its events, and the journal.
TABLE = {
    "0 0 0: never seen": ([], news(), [], *NOTHING),
    "0 1 0: a new binding": (
        [],
        news(socket("b", 9)),
        [NEW],
        *("active", [("appeared", 9)], []),
    ),
    "0 0 1: the close of what is not known": ([], news(socket("b", None, 9)), [], *NOTHING),
    "0 1 1: opened and quickly closed": (
        [],
        news(socket("b", 9, 9.5)),
        [],
        *(None, [], [(80, 9, 9.5)]),
    ),
    "1 0 0: stable": ([OLD], news(), [OLD], "active", [], []),
    "1 1 0: re-bound by another process": (
        [OLD],
        news(socket("b", 9)),
        [NEW],
        *("active", [("rebound", 9)], []),
    ),
    "1 0 1: closed": (
        [OLD],
        news(socket("a", None, 9)),
        [],
        *("disappeared", [("disappeared", 9)], []),
    ),
    "1 1 1: closed and at once re-opened": (
        [OLD],
        news(socket("a", None, 9), socket("b", 9.5)),
        [NEW],
        *("active", [("rebound", 9.5)], []),
    ),
}
ORDER_AND_SHARING = {
    "closed, then opened, and not known": (
        [],
        news(socket("a", 8, 9), socket("b", 9.5)),
        [NEW],
        *("active", [("appeared", 9.5)], []),
    ),
    "re-opened, then closed": (
        [OLD],
        news(socket("a", None, 8), socket("b", 8.5, 9)),
        [],
        *("disappeared", [("disappeared", 9)], []),
    ),
    "one socket of several closed": (
        [BOTH],
        news(socket("b", None, 9)),
        [OLD],
        *("active", [("rebound", 9)], []),
    ),
    "opened, and no event told of it": (
        [],
        news(lost=1),
        [NEW],
        *("active", [("appeared", LOOK)], []),
    ),
    "closed, and no event told of it": (
        [OLD],
        news(lost=1),
        [],
        *("disappeared", [("disappeared", LOOK)], []),
    ),
    "a listen that failed, or whose close is yet to come": (
        [],
        news(socket("b", 9)),
        [],
        *NOTHING,
    ),
}


@pytest.mark.parametrize("remembered", [lambda _sweep: None, lambda sweep: sweep, Trace.of])
@pytest.mark.parametrize(
    ("recorded", "told", "held", "expected_state", "expected_events", "expected_lines"),
    [*TABLE.values(), *ORDER_AND_SHARING.values()],
    ids=[*TABLE, *ORDER_AND_SHARING],
)
def test_each_row_of_the_table_is_recorded(
    remembered, recorded, told, held, expected_state, expected_events, expected_lines
):
    look(*recorded, ticks=0)
    before = remembered(sweep(listener(22), *recorded))

    look_with(told, *held, before=before)

    assert (state(), events(), lines()) == (expected_state, expected_events, expected_lines)


def test_a_row_has_the_times_of_its_events():
    look(OLD, ticks=0)
    look_with(news(socket("a", None, 9)))
    look_with(news(socket("b", 20)), NEW, ticks=2)

    row = PortRuntime.objects.get(port=80)

    assert (row.first_seen_at, row.last_disappeared_at, row.active_since) == (
        *(NOON, after(9), after(20)),
    )
    assert (row.transition_2_at, row.transition_1_at) == (after(9), after(20))
    assert row.last_seen_at == after(30)  # a look saw it then
    assert events() == [("disappeared", 9), ("appeared", 20)]


def test_a_port_is_first_seen_when_it_opened():
    """That is how others tell a port that is new from one that is back."""
    look(ticks=0)
    look_with(news(socket("b", 9)), NEW)

    row = PortRuntime.objects.get(port=80)

    assert row.first_seen_at == row.active_since == after(9)
    assert PortEvent.objects.get(port_runtime=row).timestamp == row.first_seen_at


@pytest.mark.parametrize("seconds", [-1, 0, 15.001, 9e8, -9e8])
def test_a_time_that_cannot_be_is_not_believed(seconds):
    """Not before the last look, nor at it, nor after this one."""
    look(OLD, ticks=0)
    look_with(
        news(socket("a", None, seconds), socket("x", seconds, port=81)), listener(81, cookie="x")
    )

    opened = PortEvent.objects.get(port_runtime__port=81)

    assert events() == [("disappeared", LOOK)]
    assert opened.timestamp == PortRuntime.objects.get(port=81).first_seen_at == after(LOOK)


def test_what_a_partial_look_saw_did_not_end_before_it():
    look(ticks=0)
    look_with(news(socket("b", 9)), NEW, verdict=Verdict.PARTIAL)
    look_with(news(socket("b", None, 12)), ticks=2)

    assert events() == [("appeared", 9), ("disappeared", 30)]


def test_after_a_gap_or_a_reboot_a_look_speaks_for_itself():
    look(OLD, ticks=0)
    look_with(news(socket("a", None, 900)), ticks=90)
    look_with(news(socket("b", 1360)), NEW, ticks=91, boot_id="b2")

    found = PortEvent.objects.filter(port_runtime__port=80).order_by("pk")

    assert [(each.cause, each.timestamp) for each in found] == [
        ("first_sweep", NOON),
        ("gap", after(1350)),
        ("boot", after(1365)),
    ]


def test_a_sweep_that_is_not_dated_by_its_own_clock_does_not_date_events():
    look(OLD, ticks=2, uptime=100)
    look_with(news(socket("a", None, 10)), ticks=1, uptime=115)

    assert PortRuntime.objects.get(port=80).last_disappeared_at == after(30)


def test_what_opened_and_stays_does_not_bring_back_the_time_of_a_close():
    """Of the last socket's end nothing was told: the look is the first to know."""
    look(OLD, ticks=0)
    look_with(news(socket("a", None, 8), socket("b", 9)))

    assert events() == [("disappeared", LOOK)]


def test_another_port_of_a_look_with_news_is_dated_by_the_look():
    look(OLD, ticks=0)
    look_with(news(socket("x", 9, 10, port=81)), OLD, listener(82))

    assert PortRuntime.objects.get(port=82).first_seen_at == after(LOOK)
    assert lines() == [(81, 9, 10)]


def test_a_line_of_the_journal_says_who_it_was():
    look(ticks=0)
    look_with(news(socket("b", 9, 9.5)))

    line = Transient.objects.get()

    assert (line.host_id, line.key, line.address) == ("atlas", ("tcp", 80), "0.0.0.0")
    assert (line.pid, line.process_name, line.lasted) == (200, "caddy", timedelta(seconds=0.5))


@pytest.mark.parametrize(
    "told",
    [
        socket("b", 9, None),
        socket("b", None, 9),
        socket("b", 9, 8),
        socket("b", 9, 15.001),
        socket("b", -9e8, -9e8),
        socket("b", 9, 10, port=40000, protocol="udp"),
    ],
    ids=["open", "of old", "backwards", "to come", "of long ago", "of a client"],
)
def test_what_is_no_life_between_two_looks_is_no_line(told):
    look(ticks=0)

    look_with(news(told))

    assert (lines(), state()) == ([], None)


def test_a_life_that_a_look_fell_into_unseen_is_a_line():
    """Its beginning was reported before, as the ledger remembers."""
    look(ticks=0)
    look_with(news(socket("b", 14.9)))
    look_with(news(socket("b", 14.9, 15.1)), ticks=2)

    assert lines() == [(80, 14.9, 15.1)]


def test_an_unchanged_sweep_with_news_costs_the_one_statement(django_assert_num_queries):
    look(OLD, ticks=0)

    with django_assert_num_queries(1):  # the row of the host
        outcome = look_with(news(socket("b", 9), lost=3), OLD)

    assert outcome.unchanged


@pytest.mark.parametrize("count", [1, 50])
def test_a_journal_costs_two_more(count, django_assert_num_queries):
    look(OLD, ticks=0)
    told = news(*(socket("b", 9, 10, port=1000 + number) for number in range(count)))

    # The row of the host, the lines, those that are too old; a transaction begins and ends.
    with django_assert_num_queries(3 + 2):
        outcome = look_with(told, OLD)

    assert (outcome.unchanged, Transient.objects.count()) == (True, count)


def test_a_further_socket_on_a_port_that_stays_is_no_line():
    look(OLD, ticks=0)
    outcome = look_with(news(socket("b", 9, 10)), OLD)

    assert (outcome.unchanged, lines(), events()) == (True, [], [])


def test_a_digest_brings_news_as_well(django_assert_num_queries):
    digest = look(OLD, ticks=0).digest
    told = news(socket("b", 9, 10), socket("x", 9, 10, port=81))
    head = json.loads(json.dumps(sweep(ticks=1, news=told).as_json())) | {"digest": digest}
    del head["listeners"]

    # The row of the host, its ports of these numbers, the lines, those that are too old; a
    # transaction begins and ends.
    with django_assert_num_queries(4 + 2):
        outcome = take(wire.message(head), at=after(LOOK), alive_every=3600)

    assert (outcome.unchanged, lines()) == (True, [(81, 9, 10)])


def test_the_journal_of_a_host_keeps_the_newest(monkeypatch):
    monkeypatch.setattr(transients, "MOST", 3)
    look(ticks=0)
    reconcile(sweep(listener(22), host_id="other", machine_id="m2"))
    sockets = [socket("b", 9, 10, port=1000 + number) for number in range(5)]
    other = {"host_id": "other", "machine_id": "m2", "ticks": 1, "news": news(*sockets[:2])}
    reconcile(sweep(listener(22), listener(23), **other))

    look_with(news(*sockets[:2]))
    look_with(news(*(each._replace(closed_at=after(20)) for each in sockets[2:4])), ticks=2)

    kept = Transient.objects.order_by("pk").values_list("host", "port")
    assert list(kept) == [
        *(("other", 1000), ("other", 1001)),
        *(("atlas", 1001), ("atlas", 1002), ("atlas", 1003)),
    ]


def test_news_that_come_twice_are_told_once():
    look(ticks=0)
    told = sweep(listener(22), ticks=1, news=news(socket("b", 9, 10)))
    reconcile(told)
    reconcile(told)

    assert lines() == [(80, 9, 10)]


def test_what_a_doubted_look_brought_is_told_by_the_one_that_confirms_it():
    many = [listener(port) for port in range(80, 90)]
    look(*many, ticks=0)
    told = news(socket("x", 9, 10, port=7000))

    doubted = look_with(told)
    before = lines()
    confirmed = sweep(listener(22), ticks=2, news=told)
    reconcile(confirmed, confirmed=True)

    assert (doubted.sweep.verdict, before, lines()) == (Verdict.SUSPECT, [], [(7000, 9, 10)])


def test_a_host_says_what_tells_of_its_ports_or_why_nothing_does():
    reconcile(sweep(listener(22), event_source=EventSource.EBPF))
    before = Host.objects.get()

    reconcile(sweep(listener(22), ticks=1, event_source_reason="libbpf is missing."))

    now = Host.objects.get()
    assert (before.event_source, before.event_source_reason) == ("ebpf", "")
    assert (now.event_source, now.event_source_reason) == ("", "libbpf is missing.")


def test_more_ports_than_are_read_singly_are_told_alike():
    ports = range(1000, 1600)
    before = sweep(listener(22))
    reconcile(before)
    told = news(*(socket(f"c{port}", 9, port=port) for port in ports), socket("b", 9, 10))

    look_with(told, *map(listener, ports), before=before)

    dated = PortRuntime.objects.filter(first_seen_at=after(9))
    assert (dated.count(), lines()) == (len(ports), [(80, 9, 10)])
