"""What a port was over time, from stretches and transitions alone."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portatlas.intervals import Look, Stretch, Transition, intervals
from tests.conftest import NOON

UP, DOWN, UNKNOWN = Look


def minute(number):
    return NOON + timedelta(minutes=number)


def told(*, watched=((0, 60),), transitions=(), was_up=True, start=0, end=60):
    """Return the intervals of an hour, in minutes: (from, to, look)."""
    found = intervals(
        start=minute(start),
        end=minute(end),
        watched=[Stretch(minute(first), minute(last)) for first, last in watched],
        transitions=[Transition(minute(at), *rest) for at, *rest in transitions],
        was_up=was_up,
    )
    as_minutes = timedelta(minutes=1)
    return [((a - NOON) / as_minutes, (b - NOON) / as_minutes, look) for a, b, look in found]


@pytest.mark.parametrize(("was_up", "look"), [(True, UP), (False, DOWN), (None, UNKNOWN)])
def test_without_a_transition_a_port_stays_what_it_was(was_up, look):
    assert told(was_up=was_up) == [(0, 60, look)]


def test_a_port_comes_and_goes():
    assert told(transitions=[(10, False), (20, True)]) == [
        (0, 10, UP),
        (10, 20, DOWN),
        (20, 60, UP),
    ]


def test_where_nobody_watched_a_port_is_unknown_whatever_it_was_around():
    assert told(watched=[(10, 20), (30, 50)]) == [
        (0, 10, UNKNOWN),
        (10, 20, UP),
        (20, 30, UNKNOWN),
        (30, 50, UP),
        (50, 60, UNKNOWN),
    ]


def test_nobody_ever_watched():
    assert told(watched=[], transitions=[(10, False)]) == [(0, 60, UNKNOWN)]


@pytest.mark.parametrize("at", [21, 25, 30])
def test_what_happened_in_a_gap_is_told_from_the_first_look_after_it(at):
    found = told(watched=[(0, 20), (30, 60)], transitions=[(at, False, False)])

    assert found == [(0, 20, UP), (20, 30, UNKNOWN), (30, 60, DOWN)]


def test_what_is_missing_since_a_break_is_down_since_that_break():
    """N62: a boot gives it three minutes to come back, in which no look has seen it."""
    found = told(watched=[(0, 20), (30, 60)], transitions=[(33, False, False)])

    assert found == [(0, 20, UP), (20, 30, UNKNOWN), (30, 60, DOWN)]


def test_what_was_seen_after_a_break_went_when_it_went():
    found = told(watched=[(0, 20), (30, 60)], transitions=[(33, False, True)])

    assert found == [(0, 20, UP), (20, 30, UNKNOWN), (30, 33, UP), (33, 60, DOWN)]


def test_what_is_new_some_looks_after_a_break_was_not_there_before():
    found = told(watched=[(30, 60)], transitions=[(33, True, False)], was_up=False)

    assert found == [(0, 30, UNKNOWN), (30, 33, DOWN), (33, 60, UP)]


def test_before_the_first_transition_a_port_may_be_unknown():
    assert told(transitions=[(10, False)], was_up=None) == [(0, 10, UNKNOWN), (10, 60, DOWN)]


def test_what_lies_outside_the_window_is_cut_off():
    found = told(
        watched=[(-90, -80), (-30, 40), (50, 99), (120, 130)],
        transitions=[(-85, False), (-10, True), (55, False), (70, True), (500, False)],
        was_up=False,
    )

    assert found == [(0, 40, UP), (40, 50, UNKNOWN), (50, 55, UP), (55, 60, DOWN)]


def test_a_transition_that_changes_nothing_divides_nothing():
    assert told(transitions=[(10, True), (20, True)]) == [(0, 60, UP)]


def test_stretches_that_touch_are_no_gap():
    """Boots that a clock set back dates alike begin where the last one ended, and at once."""
    assert told(watched=[(0, 20), (20, 20), (20, 60), (20, 20)]) == [(0, 60, UP)]


def test_several_transitions_of_one_time_leave_the_last():
    """N63: while a clock is behind, looks are dated alike."""
    assert told(transitions=[(10, False), (10, True), (10, False)]) == [
        (0, 10, UP),
        (10, 60, DOWN),
    ]


def test_a_look_that_stands_alone_is_shown_without_length():
    """Saved output is read once in a while, and nobody looks in between."""
    found = told(watched=[(10, 10), (40, 40)], transitions=[(40, False, False)])

    assert found == [
        (0, 10, UNKNOWN),
        (10, 10, UP),
        (10, 40, UNKNOWN),
        (40, 40, DOWN),
        (40, 60, UNKNOWN),
    ]


def test_the_news_of_the_last_look_is_shown_without_length():
    assert told(watched=[(0, 20)], transitions=[(20, False)]) == [
        (0, 20, UP),
        (20, 20, DOWN),
        (20, 60, UNKNOWN),
    ]


minutes = st.integers(-20, 80)
spans = st.lists(st.tuples(minutes, st.integers(0, 15)), max_size=6)


@given(spans, st.lists(st.tuples(minutes, st.booleans()), max_size=8), st.booleans())
def test_intervals_cover_the_window_and_agree_with_each_minute(spans, transitions, was_up):
    """The definition once more, asked of one moment at a time."""
    watched = [(first, first + length) for first, length in spans]
    transitions.sort(key=lambda each: each[0])

    found = told(watched=watched, transitions=transitions, was_up=was_up)

    assert (found[0][0], found[-1][1]) == (0, 60)
    assert all(one[1] == next_[0] for one, next_ in pairwise(found))
    assert all(one[2] != next_[2] for one, next_ in pairwise(found))
    for moment in (number + 0.5 for number in range(60)):
        is_up = [was_up, *(is_up for at, is_up in transitions if at <= moment)][-1]
        is_watched = any(first <= moment <= last for first, last in watched)
        look = (UP if is_up else DOWN) if is_watched else UNKNOWN
        assert [each for first, last, each in found if first < moment < last] == [look]
