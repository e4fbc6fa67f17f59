"""What shows a token: who is let in, who isn't, and what that costs."""

import base64
from datetime import timedelta

import pytest
import time_machine
from django.db import connection, transaction

from portatlas.tokens import services
from portatlas.tokens.models import Token
from tests.conftest import NOON

PORTS = "/api/v1/ports/"


@pytest.fixture(autouse=True)
def _noon():
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def root(django_user_model):
    return django_user_model.objects.create_superuser("root", password="right")


@pytest.fixture
def make(root):
    """Return a function that makes a token and returns its secret."""

    def make(scopes=("read",), **fields):
        return services.make(root, name="Grafana", scopes=scopes, at=NOON, **fields)[1]

    return make


@pytest.fixture
def ask(client):
    """Return a function that reads the ports with a header Authorization."""

    def ask(header, address=PORTS):
        return client.get(address, headers={"authorization": header})

    return ask


def basic(name, password):
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer  "])
def test_a_token_opens_the_api(scheme, make, ask, open_port):
    open_port(80)

    assert ask(f"{scheme} {make()}").json()["count"] == 1


def test_a_token_may_no_more_than_its_scopes(make, client):
    read = client.get(PORTS, headers={"authorization": f"Bearer {make(['notes:write'])}"})

    assert (read.status_code, read.json()["detail"]) == (403, "This token lacks the scope read.")


def test_a_token_may_no_more_than_its_user(ask, django_user_model):
    guest = django_user_model.objects.create_user("guest")
    _token, secret = services.make(guest, name="Grafana", scopes=["admin"], at=NOON)

    assert ask(f"Bearer {secret}").status_code == 403


def test_what_is_no_longer_live_is_refused_and_stays_in_the_list(make, ask, root):
    expired = make(expiry=NOON + timedelta(days=1))
    revoked, secret = services.make(root, name="Revoked", scopes=["read"], at=NOON)
    services.revoke(revoked, at=NOON)

    with time_machine.travel(NOON + timedelta(days=1), tick=False):
        answers = [ask(f"Bearer {each}") for each in (expired, secret)]

    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0]["WWW-Authenticate"].startswith("Bearer ")
    assert Token.objects.count() == 2


def test_the_tokens_of_who_is_not_active_are_refused(make, ask, root):
    secret = make()
    root.is_active = False
    root.save()

    assert ask(f"Bearer {secret}").status_code == 401


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer a b",
        "Bearer atlas_" + "0" * 64,
        "Bearer atlas_" + "0" * 63,
        "Bearer atlas_" + "0" * 65,
        "Bearer atlas_" + "0" * 1_000_000,
        "Bearer atlas_" + "A" * 64,
        "Bearer \x00",
        "Bearer \xff\xfe",
        "Bearer é",
        "Bearer\tx",
        "Token x",
        "Basic",
        "Basic x",
        "Basic eA==",
        "Basic ====",
        basic("root", "atlas_" + "0" * 64),
        basic("", ""),
        basic("\x00", "x"),
        "\x00",
        "Bearer, Basic",
    ],
)
def test_odd_headers_are_refused(header, ask, root):
    answer = ask(header)

    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer realm="Port Atlas"')


def test_nonsense_costs_no_query(ask, django_assert_num_queries, db):
    with django_assert_num_queries(0):
        answer = ask("Bearer nonsense")

    assert answer.status_code == 401


@pytest.mark.parametrize(("seconds", "queries"), [(0, 3), (59, 3), (60, 6)])
@pytest.mark.parametrize("count", [1, 3])
def test_a_token_costs_one_query_and_once_a_minute_a_second(
    seconds, queries, count, make, ask, write_note, django_assert_num_queries
):
    for port in range(1, count + 1):
        write_note(port)
    header = f"Bearer {make()}"
    ask(header)

    with (
        time_machine.travel(NOON + timedelta(seconds=seconds), tick=False),
        django_assert_num_queries(
            queries
        ),  # token and user, count, rows; its last use in a savepoint
    ):
        answer = ask(header, "/api/v1/notes/")

    assert answer.json()["count"] == count
    assert Token.objects.get().last_used_at == NOON + timedelta(seconds=seconds // 60 * 60)


@pytest.fixture
def make_read_only(db):
    """Return a function after which the database may only be read, as a standby is."""
    on, off = {
        "sqlite": ("PRAGMA query_only = ON", "PRAGMA query_only = OFF"),
        "postgresql": ("SET LOCAL transaction_read_only = on", ""),  # ends with the savepoint
    }[connection.vendor]
    before = transaction.savepoint()
    with connection.cursor() as cursor:
        yield lambda: cursor.execute(on)
        transaction.savepoint_rollback(before)
        if off:
            cursor.execute(off)


def test_a_use_that_can_not_be_noted_is_one_all_the_same(make, ask, open_port, make_read_only):
    open_port(80)
    header = f"Bearer {make()}"
    make_read_only()

    answers = [ask(header) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert Token.objects.get().last_used_at is None


def test_a_token_is_as_good_as_the_password_of_its_user(make, ask, open_port):
    open_port(80)
    secret = make()

    answer = ask(basic("root", secret))

    assert answer.json()["count"] == 1
    assert Token.objects.get().last_used_at == NOON


def test_a_token_for_a_password_brings_its_scopes(make, ask):
    assert ask(basic("root", make(["notes:write"]))).status_code == 403


def test_a_token_is_no_password_of_anybody_else(make, ask, django_user_model):
    django_user_model.objects.create_superuser("other", password="right")

    assert ask(basic("other", make())).status_code == 401


def test_a_token_is_no_password_of_the_board(make, client):
    secret = make()

    page = client.post("/login/", {"username": "root", "password": secret})

    assert page.status_code == 200
    assert "_auth_user_id" not in client.session


def test_wrong_passwords_lock_out_and_wrong_tokens_do_not(make, ask):
    for _ in range(6):
        ask(basic("root", "atlas_" + "0" * 64))
    after_tokens = ask(basic("root", "right")).status_code
    for _ in range(5):
        ask(basic("root", "wrong"))
    after_passwords = ask(basic("root", "right")).status_code

    assert (after_tokens, after_passwords) == (200, 429)
    assert ask(basic("root", make())).status_code == 200  # which nobody could have guessed


def test_a_lock_out_says_how_long_and_not_whether_the_password_was_right(root, ask):
    statuses = [ask(basic("root", "wrong")).status_code for _ in range(5)]
    wrong, right = ask(basic("root", "wrong")), ask(basic("root", "right"))

    assert statuses == [401, 401, 401, 401, 429]
    assert (right.status_code, right["Retry-After"]) == (429, "900")
    assert right["Content-Type"] == "application/problem+json"
    assert "Wait 15 minutes" in right.json()["detail"]
    assert right.json()["instance"] == PORTS
    assert (right.json(), right.headers) == (wrong.json(), wrong.headers)


def test_who_is_locked_out_and_goes_on_costs_no_query(
    root, ask, settings, django_assert_num_queries
):
    settings.PORTATLAS_API_ANONYMOUS_RATE = "6/min"
    for _ in range(6):
        ask(basic("root", "wrong"))

    with django_assert_num_queries(0):
        answer = ask(basic("root", "right"))

    assert (answer.status_code, answer["Retry-After"]) == (429, "60")
