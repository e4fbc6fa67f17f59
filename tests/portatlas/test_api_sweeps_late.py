"""Sweeps that come late, in order or all at once: what is recorded is what was seen."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
import time_machine
from django.db import connection
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.models import Coverage, Host, HostEvent, PortEvent, PortRuntime
from collector.services import reconcile
from collector.sweep import Owner, OwnerState, Verdict
from portatlas.tokens import services
from tests.collector.sweeps import TICK, listener, sweep
from tests.conftest import NOON

ADDRESS = "/api/v1/sweeps/"
LONG_AFTER = NOON + timedelta(hours=6)
SWEEPS = 40  # ten minutes without a hub
CASES = count()


@pytest.fixture(autouse=True)
def _much_later(settings):
    settings.PORTATLAS_API_RATE = "9999999/sec"
    with time_machine.travel(LONG_AFTER, tick=False):
        yield


@pytest.fixture
def secret(django_user_model):
    # No member of a group: a test with transactions throws away those that migrations made.
    user = django_user_model.objects.create_superuser("agents")
    return services.make(user, name="Agents", scopes=["sweeps:write"], at=NOON)[1]


def bring(said, secret, client=None):
    headers = {"Authorization": f"Bearer {secret}"}
    body = json.dumps(said)
    return (client or Client()).post(
        ADDRESS, body, content_type="application/json", headers=headers
    )


def facts(host_id):
    """Return all that is recorded of a host, without the numbers and names of rows."""
    keys = dict(PortRuntime.objects.filter(host=host_id).values_list("pk", "port"))
    told = []
    for model in (Host, PortRuntime, PortEvent, Coverage, HostEvent):
        about = "port_runtime__host" if model is PortEvent else "host"
        rows = model.objects.filter(**{"pk" if model is Host else about: host_id}).order_by("pk")
        told.append(
            [
                {
                    name: keys[value] if name == "port_runtime_id" else value
                    for name, value in row.items()
                    if name not in {"id", "host_id"}
                }
                for row in rows.values()
            ]
        )
    return told


class Machine:
    """What a machine does from one look to the next, and what is seen of it."""

    def __init__(self, host_id):
        self._host_id = host_id
        self._numbers = count()
        self._ports = {port: listener(port) for port in range(80, 86)}
        self._taken_at, self._boot, self._uptime = NOON, 1, 10_000

    def look(self, step):
        """Do a step, look, and return the sweep, and whether a second look agreed with it."""
        self._taken_at, self._uptime = self._taken_at + TICK, self._uptime + 15
        told = getattr(self, step)() or {}
        seen = [] if told.get("verdict") == Verdict.FAILED else sorted(self._ports)
        place = {"host_id": self._host_id, "boot_id": f"b{self._boot}", "uptime": self._uptime}
        look = sweep(*map(self._ports.get, seen), **place, taken_at=self._taken_at, **told)
        return look, len(self._ports) % 2 == 0

    def do_nothing(self):
        pass

    def open(self):
        port = 1000 + next(self._numbers)
        self._ports[port] = listener(port)

    def close(self):
        self._ports.pop(self._first(), None)

    def restart(self):
        self._bind(pid=200)

    def take_over(self):
        self._bind(pid=300, name="caddy")

    def hide(self):
        self._bind()
        self._ports[self._first()] = replace(
            self._ports[self._first()], owner=Owner(OwnerState.UNKNOWN)
        )

    def halve(self):
        """Let half of the ports go, which is doubted unless a second look agrees."""
        self._ports = dict(list(self._ports.items())[len(self._ports) // 2 :])

    def fail(self):
        return {"verdict": Verdict.FAILED, "reason": "ss: no answer"}

    def see_less(self):
        return {"verdict": Verdict.PARTIAL, "reason": "1 row could not be read"}

    def reboot(self):
        self._boot, self._uptime = self._boot + 1, 20

    def sleep(self):
        self._taken_at, self._uptime = self._taken_at + 8 * TICK, self._uptime + 120

    def set_clock_back(self):
        self._taken_at -= 3 * TICK

    def _first(self):
        return next(iter(self._ports), 80)

    def _bind(self, **fields):
        port = self._first()
        self._ports[port] = listener(port, cookie=f"c{next(self._numbers)}", **fields)


SELDOM = [name for name in vars(Machine) if not name.startswith("_") and name != "look"]
STEPS = st.lists(st.sampled_from([*["do_nothing"] * 6, *SELDOM]), min_size=SWEEPS, max_size=SWEEPS)


def deliver(spool, secret):
    """Bring sweeps as an agent does: by the hub's word for the last one if they saw the same."""
    last, digest = None, ""
    for each, is_confirmed in spool:
        whole = each.as_json() | {"confirmed": is_confirmed}
        said = whole
        if digest and each.digest == last:
            said = {name: value for name, value in whole.items() if name != "listeners"}
            said["digest"] = digest
        answer = bring(said, secret)
        if answer.status_code == 412:
            answer = bring(whole, secret)
        assert answer.status_code in {200, 409}
        last, digest = each.digest, answer.json().get("digest", "")


@pytest.mark.django_db
@settings(
    max_examples=4,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(STEPS)
def test_a_spool_that_is_delivered_in_order_tells_what_was_told_in_time(secret, steps):
    case = next(CASES)
    in_time, late = Machine(f"in-time-{case}"), Machine(f"late-{case}")

    for step in steps:
        look, is_confirmed = in_time.look(step)
        reconcile(look, confirmed=is_confirmed, may_repeat=True)
    deliver([late.look(step) for step in steps], secret)

    assert facts(f"late-{case}") == facts(f"in-time-{case}")


@pytest.mark.django_db(transaction=True)
def test_sweeps_of_one_host_that_come_at_once_are_recorded_one_after_the_other(secret):
    """None is lost, none counts twice, none waits for ever; what came too late is told so."""
    if connection.vendor == "sqlite":
        pytest.skip("one connection writes at a time, by the database itself")
    looks = [
        sweep(listener(80), listener(443), listener(1000 + number), ticks=number, interval=600)
        for number in range(24)
    ]
    together = threading.Barrier(4)

    def work(mine):
        together.wait(30)
        try:
            return [bring(each.as_json(), secret).json() for each in mine]
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as workers:
        # Each is brought by two of them.
        shares = [looks[0::2], looks[1::2], looks[0::2], looks[1::2]]
        answers = [each for told in workers.map(work, shares) for each in told]

    told = [each.get("outcome") or each["type"].split("/")[-2] for each in answers]
    assert set(told) <= {"recorded", "repeated", "late-sweep"}
    host = Host.objects.get()
    assert (told.count("recorded"), host.last_look_at) == (host.sweeps, looks[-1].taken_at)
    ports = set(PortRuntime.objects.filter(port__gte=1000).values_list("port", flat=True))
    for each in looks:
        if each.listeners[2].port in ports:  # which only this one saw
            reconcile(replace(each, host_id="again"))
    assert facts("again") == facts("atlas")
