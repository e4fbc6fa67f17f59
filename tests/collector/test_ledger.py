from datetime import UTC, datetime, timedelta

from collector.ledger import MOST, Ledger, SocketEvent

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
NOW = 1000.0


def event(cookie: str, at: float, *, is_open: bool, port: int = 8080) -> SocketEvent:
    return SocketEvent(is_open, "tcp", port, "127.0.0.1", cookie, 42, "nginx", at)


def test_a_socket_that_opens_rings_until_it_is_reported():
    ledger = Ledger()

    ledger.note([event("a", 998, is_open=True)])

    assert ledger.is_ringing
    news = ledger.report(AT, NOW)
    assert [(each.opened_at, each.closed_at) for each in news.sockets] == [
        (AT - timedelta(seconds=2), None)
    ]
    assert not ledger.is_ringing
    assert not ledger.report(AT, NOW)


def test_a_socket_that_came_and_went_is_news_but_rings_no_bell():
    ledger = Ledger()

    ledger.note([event("a", 998, is_open=True), event("a", 999, is_open=False)])

    assert not ledger.is_ringing
    (told,) = ledger.report(AT, NOW).sockets
    assert (told.opened_at, told.closed_at) == (
        AT - timedelta(seconds=2),
        AT - timedelta(seconds=1),
    )
    assert (told.key, told.cookie, told.pid, told.process_name) == (
        ("tcp", 8080),
        "a",
        42,
        "nginx",
    )


def test_a_socket_that_was_reported_rings_when_it_closes_and_tells_both_times():
    ledger = Ledger()
    ledger.note([event("a", 998, is_open=True)])
    ledger.report(AT, NOW)

    ledger.note([event("a", 1003, is_open=False)])

    assert ledger.is_ringing
    (told,) = ledger.report(AT + timedelta(seconds=5), NOW + 5).sockets
    assert told.opened_at == AT - timedelta(seconds=2)
    assert told.closed_at == AT + timedelta(seconds=3)


def test_a_socket_from_before_rings_when_it_closes():
    ledger = Ledger()

    ledger.note([event("a", 999, is_open=False)])

    assert ledger.is_ringing
    (told,) = ledger.report(AT, NOW).sockets
    assert told.opened_at is None


def test_lost_events_ring():
    ledger = Ledger()

    ledger.note([], lost=3)

    assert ledger.is_ringing
    assert ledger.report(AT, NOW).lost == 3
    assert not ledger.is_ringing


def test_no_event_is_dated_after_the_look_that_reports_it():
    ledger = Ledger()

    ledger.note([event("a", NOW + 1, is_open=True)])

    assert ledger.report(AT, NOW).sockets[0].opened_at == AT


def test_a_flood_is_reported_by_its_end_and_takes_no_more_memory():
    ledger = Ledger()

    for number in range(3 * MOST):
        cookie = str(number)
        ledger.note(
            [
                event(cookie, number, is_open=True),
                event(cookie, number + 0.5, is_open=False),
            ]
        )

    cookies = [each.cookie for each in ledger.report(AT, 10_000).sockets]
    assert cookies == [str(number) for number in range(2 * MOST, 3 * MOST)]
