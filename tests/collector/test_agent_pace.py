"""When an agent looks that the kernel calls, by whether its hub can be told."""

from time import monotonic

import pytest

from collector.agent.answer import Answer, Then
from collector.agent.loop import Agent
from collector.agent.outbox import Outbox
from collector.agent.spool import Spool
from collector.wake import Wake
from tests.collector.test_agent_spool import report
from tests.conftest import NOON

HOUR = 3600
TURNS = 5


class Looks:
    """Looks at nothing, and counts how often."""

    def __init__(self):
        self.taken = 0

    def take(self):
        self.taken += 1
        return report(self.taken)


class Courier:
    """Has each report answered alike. At each turn the kernel calls; after the last it ends."""

    is_away = False

    def __init__(self, wake, then):
        self._wake, self._answer, self._turns = wake, Answer(then, retry_after=HOUR), 0

    def send(self, body):
        self._wake.ring()

    def collect(self):
        self._turns += 1
        self._wake.bell.ring(monotonic() - HOUR)
        self._wake.ring()
        self._wake.is_stopping = self._turns == TURNS
        return self._answer


@pytest.mark.parametrize(("then", "taken"), [(Then.GO_ON, TURNS), (Then.TRY_AGAIN, 1)])
def test_what_is_kept_lasts_for_a_day_however_often_the_kernel_calls(tmp_path, then, taken):
    wake, looks = Wake(), Looks()
    outbox = Outbox(Spool(tmp_path / "spool", "atlas"), lambda: NOON)

    Agent(looks, outbox, Courier(wake, then), wake).run(HOUR)

    assert looks.taken == taken
