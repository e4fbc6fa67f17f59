"""The truth table of the eBPF watcher, row by row, and the cases in which its three bits lie."""

import pytest

from collector.decision import Action, decide

TABLE = {
    "never seen": ((0, 0, 0), 0, Action.NOTHING),
    "a new binding": ((0, 1, 0), 1, Action.INSERT),
    "the close of what is not known": ((0, 0, 1), 0, Action.NOTHING),
    "opened and quickly closed": ((0, 1, 1), 0, Action.TRANSIENT),
    "stable": ((1, 0, 0), 1, Action.KEEP),
    "re-bound, perhaps by another process": ((1, 1, 0), 1, Action.UPDATE),
    "closed": ((1, 0, 1), 0, Action.DISAPPEAR),
    "closed and at once re-opened": ((1, 1, 1), 1, Action.UPDATE),
}
ORDER_AND_SHARING = {
    "closed, then opened, and not known": ((0, 1, 1), 1, Action.INSERT),
    "re-opened, then closed": ((1, 1, 1), 0, Action.DISAPPEAR),
    "one socket of several closed": ((1, 0, 1), 1, Action.KEEP),
    "opened, and no event told of it": ((0, 0, 0), 1, Action.INSERT),
    "closed, and no event told of it": ((1, 0, 0), 0, Action.DISAPPEAR),
    "a listen that failed, or whose close is yet to come": ((0, 1, 0), 0, Action.NOTHING),
}


@pytest.mark.parametrize(
    ("bits", "held", "action"),
    [*TABLE.values(), *ORDER_AND_SHARING.values()],
    ids=[*TABLE, *ORDER_AND_SHARING],
)
def test_each_row_of_the_table_has_its_action(bits, held, action):
    recorded, opened, closed = map(bool, bits)

    assert decide(recorded=recorded, opened=opened, closed=closed, held=bool(held)) is action


def test_all_combinations_of_the_three_signals_are_in_the_table():
    assert len({bits for bits, _, _ in TABLE.values()}) == 8
