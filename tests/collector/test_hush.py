"""What is told calls for no look once it has undone itself."""

import pytest

from collector.bell import Bell
from collector.ledger import SocketEvent
from collector.pace import NEVER, SETTLE

NOW = 1000.0


class Told(list):
    """A stream of events that a test tells."""

    def read(self):
        events = self[:]
        self.clear()
        return events

    def lost(self):
        return 0


@pytest.fixture
def told():
    return Told()


def event(cookie, *, is_open):
    return SocketEvent(
        is_open, "udp", 5353, "0.0.0.0", cookie, 42, "resolver", NOW
    )  # as ss prints it


def test_a_socket_that_closes_before_the_look_that_it_called_for_calls_for_none(told):
    """A resolver asks each of its questions through a socket of its own, for some milliseconds."""
    bell = Bell(told)
    told.append(event("a", is_open=True))
    bell.hear(NOW)
    assert bell.due == NOW + SETTLE

    told.append(event("a", is_open=False))
    bell.hear(NOW + 0.1)

    assert bell.due == NEVER


def test_one_that_stays_calls_for_a_look_whatever_else_closes(told):
    bell = Bell(told)
    told.extend(event(each, is_open=True) for each in "ab")
    bell.hear(NOW)

    told.append(event("a", is_open=False))
    bell.hear(NOW + 0.1)

    assert bell.due == NOW + SETTLE
