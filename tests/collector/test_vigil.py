"""When the watch of this machine looks, and what keeps it from that."""

from contextlib import closing

import pytest
from django.db import OperationalError

from collector.bell import Bell
from collector.identity import SweepRefusedError
from collector.lock import SweepRunningError
from collector.vigil import Vigil
from collector.wake import Wake
from tests.collector.told import Told

HOUR = 3600
AWAY = "The database can't be used, and is asked again at the next look:"

pytestmark = pytest.mark.django_db  # it closes connections that are too old


class Turns:
    """What happens at each look, or each question for the interval; after the last it stops."""

    def __init__(self, wake, *acts):
        self._wake, self._acts, self.taken = wake, list(acts), 0

    def __call__(self, *_):
        self.taken += 1
        act = self._acts.pop(0)
        if not self._acts:
            self._wake.is_stopping = True
            self._wake.ring()
        if isinstance(act, Exception):
            self._wake.ring()
            raise act
        return act() if callable(act) else act


@pytest.fixture
def told():
    with closing(Told()) as told:
        yield told


@pytest.fixture
def wake(told):
    wake = Wake()
    wake.bell = Bell(told)
    return wake


def nothing():
    """Look, and see what was seen before."""


def test_it_looks_at_once_and_then_in_each_interval(wake):
    looks = Turns(wake, nothing, nothing, nothing)

    Vigil(wake, lambda: 0.01, looks).run()

    assert looks.taken == 3


def test_the_kernel_calls_for_a_look_before_the_interval_is_over(wake, told):
    looks = Turns(wake, lambda: told.open("a"), nothing)

    Vigil(wake, lambda: HOUR, looks).run()

    assert looks.taken == 2


def test_nobody_looks_while_the_schedule_is_switched_off(wake, told):
    def ask():
        told.open("a")
        return 0

    asked, looks = Turns(wake, ask, ask, ask), Turns(wake, nothing)
    wake.ring()

    Vigil(wake, asked, looks).run()

    assert (asked.taken, looks.taken) == (3, 0)


def test_an_interval_that_was_changed_is_noticed_at_the_next_look(wake):
    asked, looks = Turns(wake, 0.03, 0.02, 0.01), []

    Vigil(wake, asked, looks.append).run()

    assert looks == [0.03, 0.02, 0.01]


def test_a_database_that_is_away_is_said_once_and_asked_again(wake, caplog):
    away = OperationalError("server closed the connection"), OperationalError("connection refused")
    looks = Turns(wake, *away, nothing)

    Vigil(wake, lambda: 0.01, looks).run()

    assert looks.taken == 3
    assert caplog.messages == [f"{AWAY} server closed the connection"]


def test_a_schedule_that_can_not_be_read_is_read_again(wake, caplog):
    asked, looks = Turns(wake, OperationalError("no such table"), 0.01), []

    Vigil(wake, asked, looks.append).run()

    assert looks == []  # it was asked because somebody rang, and the next look was not due
    assert caplog.messages == [f"{AWAY} no such table"]


def test_a_sweep_that_is_refused_again_and_again_is_said_once(wake, caplog):
    refused = [SweepRefusedError("Host 'atlas' is machine 1.")] * 3

    Vigil(wake, lambda: 0.01, Turns(wake, *refused)).run()

    assert caplog.messages == ["No sweep: Host 'atlas' is machine 1."]


def test_a_look_of_somebody_else_is_no_answer_to_what_rang_during_it(wake, told):
    looks = Turns(wake, lambda: told.open("a"), SweepRunningError(), nothing)

    Vigil(wake, lambda: HOUR, looks).run()

    assert looks.taken == 3


def test_a_look_of_somebody_else_is_as_good_as_the_one_that_was_due(wake):
    looks = Turns(wake, SweepRunningError(), nothing)

    Vigil(wake, lambda: 0.01, looks).run()

    assert looks.taken == 2
