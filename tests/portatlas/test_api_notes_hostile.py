"""Whatever a body says, and whoever else writes: never an error of ours, never half a note."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notes.models import PortNote

NOTES = "/api/v1/notes/"
SHOP = f"{NOTES}atlas/tcp/80/"
JSON = "application/json"
FIELDS = [
    *("host_id", "protocol", "port", "title", "description", "owner", "service_type"),
    *("risk_level", "tags", "expected_scope", "review_by", "version", "op", "if_match", "items"),
]
WORDS = ["atlas", "*", "tcp", "udp", "web", "trusted", "put", "patch", "delete", "2026-01-01"]

texts = st.one_of(st.sampled_from(WORDS), st.text(st.characters(categories=None), max_size=30))
leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts, st.just(80))
values = st.recursive(
    leaves, lambda below: st.lists(below, max_size=3) | st.dictionaries(texts, below, max_size=3)
)
notes = st.dictionaries(st.sampled_from(FIELDS) | texts, values, max_size=6)
near = st.fixed_dictionaries(
    {"host_id": st.just("atlas"), "protocol": st.just("tcp"), "port": st.integers(1, 5)},
    optional={
        "title": texts,
        "tags": st.lists(texts, max_size=3),
        "op": st.sampled_from(["put", "patch", "delete"]),
        "if_match": st.integers(0, 3),
    },
)
batches = st.fixed_dictionaries({"items": st.lists(notes | near | values, max_size=6)})
many = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def alice_client(admin_user):
    """A client whose errors are answers, as they are for whoever asks over the network."""
    client = Client(raise_request_exception=False)
    client.force_login(admin_user)
    return client


def state():
    return list(PortNote.objects.order_by("pk").values()), PortNote.history.count()


def held(answer, before) -> None:
    """Assert that a refusal is a problem and has written nothing."""
    assert answer.status_code < 500
    if answer.status_code >= 400:
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code
        assert state() == before


@many
@given(body=notes | near | values, method=st.sampled_from(["POST", "PUT", "PATCH"]))
def test_no_body_of_a_note_breaks_anything(alice_client, body, method):
    before = state()

    answer = alice_client.generic(
        method, NOTES if method == "POST" else SHOP, json.dumps(body), JSON
    )

    held(answer, before)


@many
@given(body=batches | values)
def test_no_body_of_many_notes_breaks_anything(alice_client, body):
    before = state()

    answer = alice_client.generic("POST", f"{NOTES}bulk/", json.dumps(body), JSON)

    held(answer, before)
    if answer.status_code == 200:
        assert len(answer.json()["items"]) == len(body["items"])


@many
@given(body=st.binary(max_size=60), header=st.text(st.characters(max_codepoint=255), max_size=20))
def test_no_bytes_and_no_condition_break_anything(alice_client, body, header):
    before = state()

    answer = alice_client.generic("PUT", SHOP, body, JSON, headers={"if-match": header})

    held(answer, before)


@many
@given(query=st.dictionaries(st.sampled_from([*FIELDS, "limit", "search", "tag"]), texts))
def test_no_parameters_break_anything(alice_client, query):
    said = {name: text.encode("utf-8", "surrogatepass") for name, text in query.items()}

    answer = alice_client.get(NOTES, said)

    assert answer.status_code in {200, 400}


at_once = pytest.mark.skipif(
    "connection.vendor != 'postgresql'", reason="SQLite has one writer at a time"
)


@pytest.fixture
def writers(admin_user):
    """Return a function by which several clients ask at the same moment."""

    def ask(*calls):
        together = Barrier(len(calls))

        def one(call):
            client = Client()
            client.force_login(admin_user)
            together.wait()
            try:
                return call(client)
            finally:
                connection.close()

        with ThreadPoolExecutor(len(calls)) as pool:
            return list(pool.map(one, calls))

    return ask


def puts(title, path=SHOP, **headers):
    return lambda client: client.put(path, {"title": title}, JSON, headers=headers)


@at_once
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("attempt", range(5))
def test_of_writers_on_the_same_version_one_wins_and_the_others_are_told(attempt, writers):
    PortNote.objects.create(host_id="atlas", port=80, title="Read")

    answers = writers(*[puts(f"Of {n}", **{"if-match": '"1"'}) for n in range(4)])

    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]
    assert {answer["ETag"] for answer in answers} == {'"2"'}
    [won] = [answer.json()["title"] for answer in answers if answer.status_code == 200]
    assert PortNote.objects.get().title == won
    assert PortNote.history.count() == 2


@at_once
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("attempt", range(5))
def test_of_those_who_want_to_be_the_first_one_is(attempt, writers):
    answers = writers(*[puts(f"Of {n}", **{"if-none-match": "*"}) for n in range(4)])

    assert sorted(answer.status_code for answer in answers) == [201, 412, 412, 412]
    assert PortNote.history.count() == 1


@at_once
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("attempt", range(5))
def test_writers_without_a_condition_all_succeed(attempt, writers):
    answers = writers(*[puts(f"Of {n}") for n in range(4)])

    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
    assert (PortNote.objects.get().version, PortNote.history.count()) == (4, 4)


@at_once
@pytest.mark.django_db(transaction=True)
def test_two_batches_of_the_same_notes_in_other_orders_wait_for_each_other(writers):
    items = [{"host_id": "atlas", "protocol": "tcp", "port": port} for port in range(1, 101)]
    for port in range(1, 101, 2):
        PortNote.objects.create(host_id="atlas", port=port, title="Read")

    def send(title, order):
        body = {"items": [each | {"title": title} for each in items[::order]]}
        return lambda client: client.post(f"{NOTES}bulk/", body, JSON)

    answers = writers(send("Forth", 1), send("Back", -1))

    assert [answer.status_code for answer in answers] == [200, 200]
    assert PortNote.objects.count() == 100
    assert len(set(PortNote.objects.values_list("title", flat=True))) == 1
