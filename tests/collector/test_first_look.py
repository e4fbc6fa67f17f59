"""The first look of a watch, which seeds what the kernel tells of."""

import pytest

from collector.lock import SweepRunningError
from collector.vigil import Vigil
from collector.wake import Wake

HOUR = 3600


@pytest.mark.django_db  # it closes connections that are too old
def test_the_first_look_is_taken_though_somebody_else_takes_one():
    """`up` asks its worker for one at the same time."""
    wake, looks = Wake(), []

    def look(interval):
        looks.append(interval)
        if len(looks) == 1:
            raise SweepRunningError
        wake.is_stopping = True
        wake.ring()

    Vigil(wake, lambda: HOUR, look).run()

    assert looks == [HOUR, HOUR]
