"""Sweeps that are meant to do harm: each is answered, and does none but to its own host."""

import gzip
import json
import os
from copy import deepcopy

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector import wire
from collector.models import Coverage, Host, HostEvent, PortEvent, PortRuntime
from collector.services import reconcile
from portatlas.tokens import services
from portatlas.tokens.models import Token
from tests.collector.sweeps import TICK, listener, sweep
from tests.conftest import NOON

pytestmark = pytest.mark.django_db

ADDRESS = "/api/v1/sweeps/"
FACTS = (Host, PortRuntime, PortEvent, Coverage, HostEvent)
REFUSED = {400, 403, 409, 411, 412, 413, 415}
VALID = sweep(listener(80), listener(443, name="caddy"), ticks=1, uptime=1000).as_json()

usual = settings(
    max_examples=int(os.environ.get("PORTATLAS_FUZZ", "0")) or 40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
WORDS = ["tcp", "udp", "complete", "partial", "suspect", "failed", "atlas", "beta", "ss", "psutil"]
TIMES = [NOON, NOON - TICK, NOON + TICK, NOON + 100 * TICK]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(WORDS + [each.isoformat() for each in TIMES])
    | st.sampled_from(["\x00", "\ud800", "\u202e", "x" * 5000, "0" * 32, 10**400]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=5,
)


@pytest.fixture(autouse=True)
def _at_noon(settings):
    settings.PORTATLAS_API_RATE = "9999999/sec"
    with time_machine.travel(NOON + TICK, tick=False):
        yield


@pytest.fixture
def bring(client, django_user_model):
    """Return a function that posts a body with a token of atlas; two hosts are known already."""
    for name in ("atlas", "beta"):
        reconcile(sweep(listener(80), listener(22), host_id=name, machine_id="m1", uptime=985))
    user = django_user_model.objects.create_user("agents")
    user.groups.add(Group.objects.get(name="admin"))
    made = {"scopes": ["sweeps:write"], "host_id": "atlas", "at": NOON}
    secret = services.make(user, name="Agent", **made)[1]
    Token.objects.update(last_used_at=NOON + TICK)

    def bring(body, **headers):
        headers = {"Authorization": f"Bearer {secret}"} | headers
        return client.post(ADDRESS, body, content_type="application/json", headers=headers)

    return bring


def facts(model, host_id):
    """Return all that is recorded of a host in one table, but for why a look was refused."""
    about = "port_runtime__host" if model is PortEvent else "host"
    rows = model.objects.filter(**{"pk" if model is Host else about: host_id})
    left_out = {"refused_at", "refused_reason"}
    return [
        {name: value for name, value in row.items() if name not in left_out}
        for row in rows.order_by("pk").values()
    ]


def recorded(host_id):
    return [facts(model, host_id) for model in FACTS]


def does_no_harm(bring, body, **headers):
    """Post a body, and return how it was answered; nothing of it stays."""
    with transaction.atomic():
        before = {name: recorded(name) for name in ("atlas", "beta")}
        answer = bring(body, **headers)
        after = {name: recorded(name) for name in ("atlas", "beta")}
        hosts = set(Host.objects.values_list("pk", flat=True))
        refused = Host.objects.get(pk="beta").refused_at
        transaction.set_rollback(True)
    assert (after["beta"], hosts, refused) == (before["beta"], {"atlas", "beta"}, None)
    assert answer.status_code == 200 or answer.status_code in REFUSED
    if answer.status_code != 200:
        assert after["atlas"] == before["atlas"]
        assert answer["Content-Type"] == "application/problem+json"
    return answer


def places(value, path=()):
    """Return the ways to all that a body says."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for name, below in inner:
        yield (*path, name)
        if isinstance(below, (dict, list)):
            yield from places(below, (*path, name))


PLACES = list(places(VALID))


def test_the_sweep_of_these_tests_is_recorded(bring):
    answer = does_no_harm(bring, json.dumps(VALID))

    assert (answer.status_code, answer.json()["outcome"]) == (200, "recorded")


@usual
@given(st.lists(st.tuples(st.sampled_from(PLACES), VALUES), min_size=1, max_size=3))
def test_whatever_a_sweep_says_harms_nobody(bring, changes):
    body = deepcopy(VALID)
    for (*way, last), value in changes:
        inner = body
        for step in way:
            try:
                inner = inner[step]
            except (LookupError, TypeError):
                break
        else:
            if isinstance(inner, dict) or (isinstance(inner, list) and last in range(len(inner))):
                inner[last] = value

    does_no_harm(bring, json.dumps(body))


@usual
@given(VALUES)
def test_whatever_is_json_harms_nobody(bring, value):
    does_no_harm(bring, json.dumps(value))


@usual
@given(st.binary(max_size=200), st.sampled_from(["", "gzip"]))
def test_whatever_bytes_come_harm_nobody(bring, body, encoding):
    headers = {"Content-Encoding": encoding} if encoding else {}

    does_no_harm(bring, body, **headers)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("[" * 100_000, 400),
        ('{"a":' * 100_000, 400),
        ("[" * 1000 + "]" * 1000, 400),
        ('{"host_id": "atlas", "host_id": "beta"}', 400),
        ('{"uptime": NaN}', 400),
        ('{"uptime": 1e999}', 400),
        ('{"skipped": ' + "9" * 5000 + "}", 400),
        ("{}" + " " * wire.MOST_BYTES, 413),
        ("\ud800".encode("utf-8", "surrogatepass"), 400),
        ("", 400),
    ],
)
def test_bodies_that_break_readers_are_refused(body, status, bring):
    assert does_no_harm(bring, body).status_code == status


@pytest.mark.parametrize("size", [wire.MOST_UNPACKED + 1, wire.MOST_UNPACKED * 5])
def test_a_bomb_is_too_large(size, bring):
    bomb = gzip.compress(b"[" * size, 1)

    answer = does_no_harm(bring, bomb, **{"Content-Encoding": "gzip"})

    assert answer.status_code == 413


def test_thousands_of_ports_are_recorded(bring):
    one = {"protocol": "tcp", "owner_state": "known", "endpoints": [{"address": "::"}]}
    many = VALID | {"listeners": [one | {"port": 1 + number} for number in range(2_000)]}

    answer = does_no_harm(bring, json.dumps(many))

    assert answer.json()["outcome"] == "recorded"


def test_what_is_too_large_is_shown_on_the_host_of_the_token(bring):
    answer = bring("{}" + " " * wire.MOST_BYTES)

    assert answer.status_code == 413
    shown = dict(Host.objects.values_list("pk", "refused_reason"))
    assert shown["atlas"].startswith("What its agent sent can't be taken. The body has more than")
    assert shown["beta"] == ""
