"""Who asks too often waits: each token, each user, and an address that is refused."""

import base64
import os
import subprocess
import sys
from datetime import timedelta
from functools import partial

import pytest
import time_machine
from django.core.cache import cache

from portatlas.api.problem_types import BY_NAME
from portatlas.tokens import services
from tests.conftest import NOON

PORTS = "/api/v1/ports/"


@pytest.fixture(autouse=True)
def _noon():
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture(autouse=True)
def _three(settings):
    settings.PORTATLAS_API_RATE = "3/min"
    settings.PORTATLAS_API_ANONYMOUS_RATE = "2/min"


@pytest.fixture
def make(django_user_model):
    """Return a function that makes a token of a name, and returns what shows it."""

    def make(name="Grafana"):
        user, _is_new = django_user_model.objects.get_or_create(username="bob", is_superuser=True)
        secret = services.make(user, name=name, scopes=["read"], at=NOON)[1]
        return {"authorization": f"Bearer {secret}"}

    return make


def statuses(ask, times):
    return [ask().status_code for _ in range(times)]


def test_a_token_that_asks_too_often_is_told_when_to_ask_again(client, make):
    ask = partial(client.get, PORTS, headers=make())

    with time_machine.travel(NOON + timedelta(seconds=20), tick=False):
        answers = [ask() for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[-1]["Retry-After"] == "40"
    assert answers[-1]["Content-Type"] == "application/problem+json"
    assert answers[-1].json()["type"] == BY_NAME["throttled"].address


def test_the_next_minute_begins_anew(client, make):
    ask = partial(client.get, PORTS, headers=make())
    statuses(ask, 4)

    with time_machine.travel(NOON + timedelta(seconds=60), tick=False):
        assert statuses(ask, 4) == [200, 200, 200, 429]


def test_each_token_and_each_user_has_a_rate_of_its_own(client, make, admin_client):
    first, second = make("first"), make("second")
    statuses(partial(client.get, PORTS, headers=first), 4)

    assert statuses(partial(client.get, PORTS, headers=second), 4) == [200, 200, 200, 429]
    assert statuses(partial(admin_client.get, PORTS), 4) == [200, 200, 200, 429]


def test_a_page_of_the_board_is_no_request_to_the_api(admin_client):
    assert statuses(partial(admin_client.get, "/"), 5) == [200] * 5


def test_an_address_that_guesses_tokens_waits_before_anybody_looks(
    client, make, django_assert_num_queries
):
    right, wrong = make(), {"authorization": "Bearer atlas_" + "0" * 64}

    guesses = statuses(partial(client.get, PORTS, headers=wrong), 3)
    with django_assert_num_queries(0):
        answer = client.get(PORTS, headers=right)

    assert (guesses, answer.status_code) == ([401, 401, 429], 429)
    assert answer["Retry-After"] == "60"
    assert answer["Content-Type"] == "application/problem+json"
    assert "refused too often" in answer.json()["detail"]
    assert answer.json()["instance"] == PORTS
    assert client.get(PORTS, REMOTE_ADDR="192.0.2.7", headers=right).status_code == 200
    with time_machine.travel(NOON + timedelta(seconds=60), tick=False):
        assert client.get(PORTS, headers=right).status_code == 200


def test_who_is_let_in_is_not_counted_among_the_refused(client, make):
    statuses(partial(client.get, PORTS, headers=make()), 3)

    assert statuses(partial(client.get, PORTS, headers=make("other")), 1) == [200]


def test_wrong_passwords_count_as_well(client, db):
    wrong = {"authorization": "Basic " + base64.b64encode(b"bob:wrong").decode()}

    assert statuses(partial(client.get, PORTS, headers=wrong), 3) == [401, 401, 429]


@pytest.mark.django_db
def test_who_shows_nothing_keeps_nobody_out_who_shows_something(client, make):
    nothing = statuses(partial(client.get, PORTS), 3)
    client.cookies["sessionid"] = "x" * 32
    session = statuses(partial(client.get, PORTS), 3)
    client.cookies.clear()

    assert (nothing, session) == ([401, 401, 429], [401, 401, 429])
    assert client.get(PORTS, headers=make()).status_code == 200


def test_who_waits_for_the_api_may_log_in(client, db):
    statuses(partial(client.get, PORTS), 3)

    assert [client.get(page).status_code for page in ("/login/", "/", "/healthz")] == [
        200,
        302,
        200,
    ]


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", 429),
        ("2001:db8::1", "2001:db8:0:1::1", 401),
        ("192.0.2.7", "::ffff:192.0.2.7", 429),
        ("192.0.2.7", "192.0.2.8", 401),
        ("", "odd\naddress", 429),
    ],
)
@pytest.mark.django_db
def test_addresses_of_one_network_count_as_one(first, second, status, client):
    statuses(partial(client.get, PORTS, REMOTE_ADDR=first), 2)

    assert client.get(PORTS, REMOTE_ADDR=second).status_code == status


@pytest.mark.django_db
def test_behind_the_proxy_an_address_is_that_of_the_client(client, settings):
    settings.HTTPS = True
    refused = {"x-forwarded-for": "192.0.2.7"}
    statuses(partial(client.get, PORTS, headers=refused), 2)

    forged = client.get(PORTS, headers={"x-forwarded-for": "192.0.2.9, 192.0.2.7"})
    other = client.get(PORTS, headers={"x-forwarded-for": "192.0.2.8"})

    assert (forged.status_code, other.status_code) == (429, 401)


def test_two_processes_that_share_redis_share_what_they_count(redis, client, make, settings):
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": redis}
    }
    ask = partial(client.get, PORTS, headers=make())
    assert statuses(ask, 3) == [200] * 3
    cache.close()  # as another process has a connection of its own

    assert statuses(ask, 1) == [429]


def test_a_redis_that_is_away_keeps_nobody_out(client, make, settings, caplog):
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
        }
    }

    assert statuses(partial(client.get, PORTS, headers=make()), 5) == [200] * 5
    assert statuses(partial(client.get, PORTS), 3) == [401] * 3
    assert "A request was not counted" in caplog.text


@pytest.mark.parametrize(
    ("environment", "backend"),
    [
        ({}, "LocMemCache"),
        ({"PORTATLAS_BROKER_URL": "redis://127.0.0.1:1/0"}, "RedisCache"),
        (
            {"PORTATLAS_BROKER_URL": "redis://127.0.0.1:1/0", "PORTATLAS_CACHE_URL": "memory://"},
            "LocMemCache",
        ),
        ({"PORTATLAS_CACHE_URL": "redis://127.0.0.1:1/0"}, "RedisCache"),
    ],
)
def test_the_cache_is_where_the_queue_is_unless_it_is_said(environment, backend, tmp_path):
    show = "from django.conf import settings as s; print(s.CACHES['default']['BACKEND'])"
    environment |= {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PORTATLAS_BOOTSTRAP": "off",
        "PORTATLAS_DATA": str(tmp_path / "data"),
    }

    said = subprocess.run(  # noqa: S603  # our own manage.py
        [sys.executable, "manage.py", "shell", "-v0", "-c", show],
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )

    assert said.stdout.strip().rpartition(".")[2] == backend
