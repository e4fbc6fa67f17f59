"""Sweeps of one host that are brought at the same time, as by two web processes."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from collector.models import Coverage, Host, PortEvent
from collector.services import reconcile
from tests.collector.sweeps import listener, sweep

AT_ONCE = 8

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor == "sqlite", reason="it has one writer: test_sqlite.py tries it in a file"
    ),
]


def at_once(*sweeps):
    """Record sweeps in as many threads, and return what became of them."""
    barrier = Barrier(len(sweeps))

    def record(one):
        barrier.wait()
        try:
            return reconcile(one, may_repeat=True)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(sweeps)) as threads:
        return list(threads.map(record, sweeps))


def appeared():
    events = PortEvent.objects.filter(event_type="appeared")
    return sorted(events.values_list("port_runtime__port", flat=True))


@pytest.mark.parametrize("is_known", [False, True])
def test_a_sweep_that_is_brought_by_many_at_once_is_recorded_once(is_known):
    if is_known:
        reconcile(sweep(listener(22), ticks=-1))

    outcomes = at_once(*[sweep(listener(22), listener(80))] * AT_ONCE)

    assert [outcome.repeated for outcome in outcomes].count(False) == 1
    assert {outcome.digest for outcome in outcomes} == {Host.objects.get().digest}
    assert appeared() == [22, 80]
    assert Host.objects.get().sweeps == 1 + is_known


def test_of_sweeps_at_once_the_newest_is_what_remains_and_each_port_appeared_once():
    looks = [
        sweep(*(listener(1000 + port) for port in range(ticks + 3)), ticks=ticks, interval=60)
        for ticks in range(AT_ONCE)
    ]

    outcomes = at_once(*looks)

    believed = [outcome for outcome in outcomes if not outcome.dropped]
    assert outcomes[-1] in believed
    assert appeared() == [1000 + port for port in range(AT_ONCE + 2)]
    assert Host.objects.get().sweeps == len(believed)
    assert Host.objects.get().last_sweep_at == looks[-1].taken_at
    assert Coverage.objects.count() == 1
