"""What the kernel told between two looks, as rows, events and lines in the database."""

from dataclasses import replace
from datetime import timedelta

import pytest

from collector.models import PortEvent, PortRuntime, Transient
from collector.news import News, SocketNews
from collector.remembered import Trace
from collector.services import reconcile
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
    return reconcile(sweep(listener(22), *listeners, ticks=ticks), **fields)


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
