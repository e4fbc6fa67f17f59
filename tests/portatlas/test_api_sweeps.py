"""Sweeps that agents bring: what is answered, what is recorded, and whose hosts they are."""

import gzip
import json
from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from collector.models import Coverage, Host, PortRuntime
from collector.signals import swept
from collector.sweep import OwnersSeen, Sweep, Verdict
from portatlas.api import senders
from portatlas.api.throttling import Rate
from portatlas.celery import app
from portatlas.notifications.tasks import evaluate
from portatlas.tokens import services
from portatlas.tokens.scopes import Scope
from tests.collector.sweeps import TICK, events, listener, sweep
from tests.conftest import NOON

pytestmark = pytest.mark.django_db

ADDRESS = "/api/v1/sweeps/"
WHEN = NOON + timedelta(minutes=2)


@pytest.fixture(autouse=True)
def _soon_after_noon():
    with time_machine.travel(WHEN, tick=False):
        yield


@pytest.fixture(autouse=True)
def queue(monkeypatch, tmp_path):
    """The folder of a queue that no worker reads."""
    monkeypatch.setitem(app.conf, "broker_url", "files://")
    monkeypatch.setitem(app.conf, "broker_transport_options", {"folder": str(tmp_path / "queue")})
    return tmp_path / "queue"


@pytest.fixture
def make_token(django_user_model):
    """Return a function that makes a token of a member of a group, and returns its secret."""

    def make_token(host_id="", group="admin", scope=Scope.WRITE_SWEEPS):
        user, _ = django_user_model.objects.get_or_create(username=group)
        user.groups.add(Group.objects.get(name=group))
        name = f"{host_id} {scope}"
        made = services.make(user, name=name, scopes=[scope], at=NOON, host_id=host_id)
        return made[1]

    return make_token


@pytest.fixture
def bring(client, make_token):
    """Return a function that posts what an agent says, by default with the token of its host."""
    secrets = {}

    def bring(said, secret=None, **headers):
        body = said
        if not isinstance(said, bytes):
            body = json.dumps(said.as_json() if isinstance(said, Sweep) else said)
        if secret is None:
            host_id = json.loads(body)["host_id"]
            secret = secrets.get(host_id) or secrets.setdefault(host_id, make_token(host_id))
        headers = {"Authorization": f"Bearer {secret}"} | headers
        return client.post(ADDRESS, body, content_type="application/json", headers=headers)

    return bring


def by_digest(whole, digest):
    """Return the head of a sweep, and the digest in place of its listeners."""
    head = {name: value for name, value in whole.as_json().items() if name != "listeners"}
    return head | {"digest": digest}


def kind(answer):
    return answer.status_code, answer.json()["type"].split("/")[-2]


def test_a_whole_sweep_is_recorded_and_its_digest_answered(bring):
    first = sweep(listener(80), listener(443))

    answer = bring(first)

    assert (answer.status_code, answer.json()) == (
        200,
        {"outcome": "recorded", "verdict": "complete", "reason": "", "digest": first.digest},
    )
    assert list(PortRuntime.objects.values_list("host_id", "port")) == [
        ("atlas", 80),
        ("atlas", 443),
    ]


def test_a_digest_stands_for_a_sweep_that_saw_the_same(bring):
    first, second = sweep(listener(80)), sweep(listener(80), ticks=1)
    digest = bring(first).json()["digest"]

    answer = bring(by_digest(second, digest))

    assert answer.json() == {
        "outcome": "unchanged",
        "verdict": "complete",
        "reason": "",
        "digest": digest,
    }
    host = Host.objects.get()
    assert (host.last_sweep_at, host.sweeps) == (NOON + TICK, 2)


def test_a_whole_sweep_that_saw_the_same_is_unchanged_too(bring):
    bring(sweep(listener(80)))

    answer = bring(sweep(listener(80), ticks=1))

    assert answer.json()["outcome"] == "unchanged"


def test_a_compressed_body_is_read(bring, make_token):
    body = gzip.compress(json.dumps(sweep(listener(80)).as_json()).encode())

    answer = bring(body, make_token("atlas"), **{"Content-Encoding": "gzip"})

    assert answer.json()["outcome"] == "recorded"


def test_what_comes_twice_is_recorded_once(bring):
    first = sweep(listener(80))
    one = bring(first).json()

    other = bring(first).json()

    assert other == one | {"outcome": "repeated"}
    assert events() == [(80, "appeared", "first_sweep")]
    assert Host.objects.get().sweeps == 1


def test_a_digest_that_comes_twice_counts_once(bring):
    digest = bring(sweep(listener(80))).json()["digest"]
    second = by_digest(sweep(listener(80), ticks=1), digest)
    bring(second)

    answer = bring(second).json()

    assert (answer["outcome"], answer["digest"]) == ("repeated", digest)
    assert Host.objects.get().sweeps == 2


@pytest.mark.parametrize("whole", [True, False])
def test_what_is_older_than_the_newest_is_late(whole, bring):
    bring(sweep(listener(80)))
    digest = bring(sweep(listener(80), ticks=2)).json()["digest"]
    late = sweep(listener(81), ticks=1)

    answer = bring(late if whole else by_digest(late, digest))

    assert kind(answer) == (409, "late-sweep")
    assert [row.port for row in PortRuntime.objects.all()] == [80]


def test_an_unknown_digest_asks_for_the_whole(bring):
    bring(sweep(listener(80)))
    second = sweep(listener(81), ticks=1)

    answer = bring(by_digest(second, "0" * 32))

    assert kind(answer) == (412, "unknown-digest")
    assert bring(second).json()["outcome"] == "recorded"


def test_the_digest_of_a_host_that_nobody_knows_asks_for_the_whole(bring):
    answer = bring(by_digest(sweep(listener(80)), "0" * 32))

    assert kind(answer) == (412, "unknown-digest")
    assert not Host.objects.exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"interval": 60},
        {"boot_id": "b2"},
        {"source": "psutil"},
        {"ticks": 250},  # an hour later: who is alive is written down
    ],
)
def test_what_a_digest_does_not_tell_asks_for_the_whole(fields, bring):
    digest = bring(sweep(listener(80))).json()["digest"]
    second = sweep(listener(80), **{"ticks": 1} | fields)

    with time_machine.travel(second.taken_at, tick=False):
        answer = bring(by_digest(second, digest))

    assert kind(answer) == (412, "unknown-digest")


def test_half_of_the_ports_gone_at_once_asks_for_another_look(bring):
    bring(sweep(listener(80), listener(81)))
    poor = sweep(listener(80), ticks=1)

    first = bring(poor)
    again = replace(poor, taken_at=poor.taken_at + timedelta(seconds=1))
    second = bring(again.as_json() | {"confirmed": True})

    assert first.json() == {
        "outcome": "recorded",
        "verdict": "suspect",
        "reason": "1 of 2 ports are gone at once.",
        "digest": "",
    }
    assert (second.json()["outcome"], second.json()["verdict"]) == ("recorded", "complete")
    assert events()[-1] == (81, "disappeared", "observed")


def test_a_doubtful_look_that_comes_twice_asks_for_another_again(bring):
    bring(sweep(listener(80), listener(81)))
    poor = sweep(listener(80), ticks=1)
    one = bring(poor).json()

    other = bring(poor).json()

    assert other == one | {"outcome": "repeated"}


def test_what_a_digest_stood_for_before_a_doubtful_look_is_not_taken(bring):
    digest = bring(sweep(listener(80), listener(81))).json()["digest"]
    bring(sweep(listener(80), ticks=1))

    answer = bring(by_digest(sweep(listener(80), ticks=2), digest))

    assert kind(answer) == (412, "unknown-digest")


def test_a_failed_look_is_kept_with_its_reason(bring):
    bring(sweep(listener(80)))
    failed = sweep(
        ticks=1, verdict=Verdict.FAILED, reason="ss: not found", owners_seen=OwnersSeen.NONE
    )

    answer = bring(failed).json()

    assert (answer["verdict"], answer["digest"]) == ("failed", "")
    host = Host.objects.get()
    assert (host.verdict, host.reason) == ("failed", "ss: not found")
    assert Coverage.objects.get().failures == 1


def test_another_machine_of_the_same_name_is_refused_and_shown(bring):
    digest = bring(sweep(listener(80))).json()["digest"]
    other = sweep(listener(81), ticks=1, machine_id="m2")

    answers = [bring(other), bring(by_digest(other, digest)), bring(replace(other, machine_id=""))]

    assert [kind(answer) for answer in answers] == [(403, "other-machine")] * 3
    host = Host.objects.get()
    assert (host.refused_at, host.machine_id, host.last_look_at) == (WHEN, "m1", NOON)
    assert host.refused_reason.startswith("Host 'atlas' is machine m1, but")
    assert [row.port for row in PortRuntime.objects.all()] == [80]


def test_the_token_of_one_host_writes_nothing_of_another(bring, make_token):
    """Not even that it tried."""
    digest = bring(sweep(listener(80))).json()["digest"]
    before = list(Host.objects.values())
    secret = make_token("beta")
    ahead = sweep(listener(81), ticks=4 * 60 * 24)

    tries = [sweep(ticks=1), sweep(machine_id="m2", ticks=1), ahead]
    answers = [bring(each, secret) for each in tries]
    answers.append(bring(by_digest(sweep(ticks=1), digest), secret))

    assert {kind(answer) for answer in answers} == {(403, "not-your-host")}
    assert list(Host.objects.values()) == before


def test_a_clock_that_is_ahead_is_refused_by_name_and_shown(bring):
    bring(sweep(listener(80)))
    ahead = replace(sweep(listener(81)), taken_at=WHEN + timedelta(minutes=5, seconds=1))

    answer = bring(ahead)

    assert kind(answer) == (400, "invalid")
    [error] = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == ("#/taken_at", "clock")
    host = Host.objects.get()
    assert (host.refused_at, host.refused_reason) == (WHEN, error["detail"])
    assert error["detail"].startswith("The clock of atlas is ahead: it says 2026-01-01 12:07:01")


def test_a_clock_may_be_ahead_by_five_minutes(bring):
    ahead = replace(sweep(listener(80)), taken_at=WHEN + timedelta(minutes=5))

    assert bring(ahead).status_code == 200


def test_a_clock_that_was_set_back_loses_no_sweep(bring):
    bring(sweep(listener(80), uptime=1000))
    earlier = sweep(listener(80), listener(81), ticks=-100, uptime=1015)

    answers = [bring(by_digest(earlier, "0" * 32)), bring(earlier)]

    assert kind(answers[0]) == (412, "unknown-digest")
    assert answers[1].json()["outcome"] == "recorded"
    assert PortRuntime.objects.count() == 2


def test_what_cannot_be_read_is_told_by_its_place_and_shown_on_the_host(bring, make_token):
    bring(sweep(listener(80)))
    wrong = sweep(listener(80), listener(81), ticks=1).as_json()
    wrong["listeners"][1]["port"] = 0

    answer = bring(wrong)

    assert kind(answer) == (400, "invalid")
    [error] = answer.json()["errors"]
    assert error == {
        "pointer": "#/listeners/1/port",
        "detail": "It is a whole number from 1 to 65535.",
    }
    assert Host.objects.get().refused_reason == (
        "What its agent sent can't be taken. listeners/1/port: It is a whole number from 1 to "
        "65535."
    )


@pytest.mark.parametrize(
    ("group", "scope", "status"),
    [
        ("viewer", Scope.WRITE_SWEEPS, 403),
        ("annotator", Scope.WRITE_SWEEPS, 403),
        ("admin", Scope.WRITE_NOTES, 403),
        ("admin", Scope.ADMIN, 200),
        ("admin", Scope.WRITE_SWEEPS, 200),
    ],
)
def test_a_token_brings_sweeps_by_its_scope_and_the_permission_of_its_user(
    group, scope, status, bring, make_token
):
    answer = bring(sweep(listener(80)), make_token(group=group, scope=scope))

    assert answer.status_code == status
    assert Host.objects.exists() == (status == 200)


def test_a_revoked_token_brings_nothing(bring, make_token):
    secret = make_token("atlas")
    services.revoke(services.Token.objects.get(), at=NOON)

    answer = bring(sweep(listener(80)), secret)

    assert kind(answer) == (401, "unauthenticated")


def test_a_token_of_no_host_brings_those_of_many(bring, make_token):
    secret = make_token()

    for name in ("a", "b", "c"):
        assert bring(sweep(listener(80), host_id=name, machine_id=name), secret).status_code == 200

    assert list(PortRuntime.objects.values_list("host_id", flat=True)) == ["a", "b", "c"]


def test_a_token_of_no_host_makes_only_so_many_known(bring, make_token, monkeypatch):
    monkeypatch.setattr(senders, "NEW_HOSTS", Rate(2, 3600))
    secret = make_token()
    known = [sweep(listener(80), host_id=name, machine_id=name) for name in ("a", "b", "c")]

    answers = [bring(each, secret) for each in [*known, known[0]]]

    assert [answer.status_code for answer in answers] == [200, 200, 429, 200]
    assert answers[2]["Retry-After"] == "3480"
    assert Host.objects.count() == 2


def test_who_sends_too_often_waits_and_a_token_of_many_hosts_may_more_often(
    bring, make_token, settings
):
    settings.PORTATLAS_API_RATE = "2/min"
    first = sweep(listener(80))
    bound, free = make_token("atlas"), make_token()

    of_one = [bring(first, bound).status_code for _ in range(3)]
    of_many = [bring(first, free).status_code for _ in range(21)]

    assert of_one == [200, 200, 429]
    assert of_many == [200] * 20 + [429]


def test_who_sends_more_than_a_machine_has_to_tell_waits_and_its_host_shows_it(bring, monkeypatch):
    of_each = senders.OF_WHOLE + senders.OF_SOCKET
    monkeypatch.setattr(senders, "BYTES", Rate(3 * of_each, 3600))
    looks = [sweep(listener(80), ticks=number) for number in range(5)]

    answers = [bring(each) for each in looks[:4]]
    digest = answers[2].json()["digest"]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[3]["Retry-After"] == "3480"
    host = Host.objects.get()
    assert (host.refused_at, host.sweeps) == (WHEN, 3)
    assert host.refused_reason.startswith("These are more and larger sweeps in one hour than")
    assert bring(by_digest(looks[4], digest)).json()["outcome"] == "unchanged"


def test_what_came_and_went_is_weighed_though_a_digest_tells_the_rest(bring, monkeypatch):
    monkeypatch.setattr(senders, "BYTES", Rate(senders.OF_WHOLE + 12 * senders.OF_SOCKET, 3600))
    digest = bring(sweep(listener(80))).json()["digest"]

    def told(ticks):
        life = {"opened_at": NOON.isoformat(), "closed_at": NOON.isoformat()}
        sockets = [{"protocol": "tcp", "port": 4000 + number} | life for number in range(10)]
        head = by_digest(sweep(listener(80), ticks=ticks), digest)
        return bring(head | {"news": {"sockets": sockets}}).status_code

    assert [told(1), told(2)] == [200, 429]


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_what_is_large_is_weighed_unpacked_before_it_is_read(pack, bring, make_token, monkeypatch):
    monkeypatch.setattr(senders, "BYTES", Rate(5000, 3600))
    headers = {"Content-Encoding": "gzip"} if pack is gzip.compress else {}
    body, secret = pack(b"[" * 5000), make_token("atlas")

    statuses = [bring(body, secret, **headers).status_code for _ in range(2)]

    assert statuses == [400, 429]


def test_wrong_tokens_behind_an_address_keep_no_right_one_out(bring, settings):
    settings.PORTATLAS_API_ANONYMOUS_RATE = "2/min"
    first = sweep(listener(80))

    wrong = [bring(first, f"atlas_{'0' * 64}").status_code for _ in range(4)]

    assert wrong == [401] * 4
    assert bring(first).status_code == 200


def test_what_agents_are_asked_each_hour_fills_no_log(bring, caplog):
    bring(sweep(listener(80)))
    bring(by_digest(sweep(listener(80), ticks=1), "0" * 32))
    bring(sweep(listener(80), ticks=-1))
    assert caplog.messages == []

    bring(sweep(listener(80), ticks=1, machine_id="m2"))
    assert caplog.messages == ["Forbidden: /api/v1/sweeps/"]


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip"])
def test_other_compressions_are_refused(encoding, bring):
    answer = bring(sweep(listener(80)), **{"Content-Encoding": encoding})

    assert kind(answer) == (415, "unsupported-media-type")
    assert answer["Accept-Encoding"] == "gzip"


@pytest.mark.parametrize("ports", [1, 3])
def test_an_unchanged_sweep_costs_one_update_beside_who_brings_it(ports, bring, make_token):
    """The token with its user and what he may, and the UPDATE."""
    listeners = [listener(80 + number) for number in range(ports)]
    digest = bring(sweep(*listeners)).json()["digest"]

    with CaptureQueriesContext(connection) as captured:
        answer = bring(by_digest(sweep(*listeners, ticks=1), digest))

    assert answer.json()["outcome"] == "unchanged"
    statements = [query["sql"].split()[0] for query in captured]
    assert statements == ["SELECT", "UPDATE"]


def test_others_hear_of_each_sweep_that_was_not_known_already(bring):
    heard = []

    def listen(sender, outcome, pushed, **kwargs):
        heard.append((outcome.unchanged, pushed))

    swept.connect(listen)
    try:
        digest = bring(sweep(listener(80))).json()["digest"]
        bring(sweep(listener(80)))
        bring(by_digest(sweep(listener(80), ticks=1), digest))
    finally:
        swept.disconnect(listen)

    assert heard == [(False, True), (True, True)]


def test_the_rules_are_evaluated_once_for_the_news_of_many_hosts(bring, queue):
    for name in ("a", "b", "c"):
        bring(sweep(listener(80), host_id=name, machine_id=name))

    [message] = [path for path in queue.glob("*.celery") if path.is_file()]
    told = json.loads(message.read_bytes())
    assert told["headers"]["task"] == evaluate.name


def test_sweeps_without_news_evaluate_no_rule(bring, queue):
    digest = bring(sweep(listener(80))).json()["digest"]
    for message in queue.glob("*.celery"):
        message.unlink()
    cache.clear()

    bring(by_digest(sweep(listener(80), ticks=1), digest))
    bring(sweep(listener(80), ticks=1))

    assert list(queue.glob("*.celery")) == []
