"""Deliveries: claimed once, sent, tried again, ended, and never a secret in the log of it."""

import hashlib
import hmac
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email import message_from_string
from email.header import decode_header, make_header
from itertools import chain

import pytest
from django.db import OperationalError, connection

from portatlas.notifications import delivery
from portatlas.notifications.channels import SECONDS, email, http
from portatlas.notifications.delivery import Terms, claim, send_due
from portatlas.notifications.models import Channel, Delivery, Rule
from portatlas.notifications.vault import SecretLostError, seal, unseal
from tests.conftest import NOON
from tests.portatlas import receivers

pytestmark = pytest.mark.django_db

KEY, SECRET = "the key of the installation", "correct horse battery staple"
MINUTE = timedelta(minutes=1)
TERMS = Terms(
    keys=(KEY,),
    allow_private=True,
    first_wait=MINUTE,
    most_attempts=3,
    keep=timedelta(days=90),
)


@pytest.fixture
def queue(db):
    """Return a function that queues a delivery through a channel that it makes."""

    def queue(kind="webhook", address="", secret=SECRET, *, at=NOON, subject="A subject", **fields):
        channel = Channel.objects.create(
            name=f"channel {Channel.objects.count()}",
            kind=kind,
            address=address,
            sealed=seal(secret, [KEY]),
            **fields,
        )
        return Delivery.objects.create(
            channel=channel,
            channel_name=channel.name,
            subject=subject,
            body="What there is to say.\n",
            document={"version": 1, "event": "raised", "url": "https://atlas.example.org/"},
            created_at=at,
            ready_at=at,
        )

    return queue


def send(at=NOON, **changes):
    terms = Terms(**{name: getattr(TERMS, name) for name in Terms.__slots__} | changes)
    return send_due(lambda: at, terms)


def result(sent):
    sent.refresh_from_db()
    return sent.status, sent.attempts, sent.last_error


def test_a_webhook_is_signed_and_dated_and_carries_its_key(queue):
    with receivers.http() as (url, posts):
        sent = queue(address=f"{url}/hook?a=b")
        send()

    (post,) = posts
    timestamp = post.headers["X-Atlas-Timestamp"]
    expected = hmac.new(SECRET.encode(), f"{timestamp}.".encode() + post.body, hashlib.sha256)
    assert post.headers["X-Atlas-Signature"] == f"sha256={expected.hexdigest()}"
    assert timestamp == str(int(NOON.timestamp()))
    assert post.path == "/hook?a=b"
    assert post.headers["Idempotency-Key"] == str(sent.key)
    assert json.loads(post.body) == sent.document | {"id": str(sent.key)}
    assert result(sent) == ("delivered", 1, "")
    assert sent.ended_at == NOON


def test_what_fails_is_sent_again_with_the_same_key(queue):
    answers = iter([500, 503, 200])
    with receivers.http(lambda post: next(answers)) as (url, posts):
        sent = queue(address=url)
        send()
        first = result(sent)
        send(NOON + MINUTE)
        send(NOON + 4 * MINUTE)

    host = url.removeprefix("http://")
    assert first == ("queued", 1, f"{host} answered 500.")
    assert result(sent) == ("delivered", 3, "")
    assert len({post.headers["Idempotency-Key"] for post in posts}) == 1
    assert len(posts) == 3


def test_a_recovery_waits_for_what_it_is_about(queue):
    rule = Rule.objects.create(name="Ghosts", kind="ghost")
    answers = iter([500, 200, 200])
    with receivers.http(lambda post: next(answers)) as (url, posts):
        raised, over = queue(address=url), queue(address=url)
        Delivery.objects.update(rule=rule, channel=raised.channel)
        Delivery.objects.filter(pk=over.pk).update(document={"version": 1, "event": "recovered"})
        send()
        first = [result(raised)[0], result(over)[0]]
        send(NOON + 2 * MINUTE)
        second = [result(raised)[0], result(over)[0]]
        send(NOON + 2 * MINUTE)

    assert first == ["queued", "queued"]
    assert second == ["delivered", "queued"]
    assert [result(over)[0], len(posts)] == ["delivered", 3]


@pytest.mark.parametrize("address", ["169.254.169.254", "100.100.100.200", "224.0.0.1"])
def test_of_addresses_that_are_never_asked_nobody_is_told_to_allow_them(address, queue):
    sent = queue(address=f"http://{address}/")
    send(allow_private=True)

    assert result(sent)[0] == "given_up"
    assert "PORTATLAS_WEBHOOKS_PRIVATE" not in result(sent)[2]


def test_nothing_is_sent_before_its_time(queue):
    with receivers.http(lambda post: 500) as (url, posts):
        queue(address=url)
        send()

        assert send(NOON + timedelta(seconds=29)) == 0
    assert len(posts) == 1


def test_what_always_fails_is_given_up(queue, caplog):
    with receivers.http(lambda post: 500) as (url, posts):
        sent = queue(address=f"{url}/path-that-is-a-secret?token=secret")
        for n in range(5):
            send(NOON + n * timedelta(hours=1))

    host = url.removeprefix("http://")
    assert result(sent) == ("given_up", 3, f"{host} answered 500.")
    assert len(posts) == 3
    assert f"Gave up delivery {sent.key}" in caplog.text
    assert "secret" not in caplog.text


def test_redirects_are_not_followed(queue):
    with receivers.http(lambda post: 307) as (url, posts):
        sent = queue(address=url)
        send()

    assert result(sent)[2].endswith("answered 307. Redirects are not followed.")
    assert [post.path for post in posts] == ["/"]


@pytest.mark.parametrize(
    ("bytes_", "said"),
    [
        (b"", "gave no answer that is HTTP."),
        (b"SSH-2.0-OpenSSH\r\n", "gave no answer that is HTTP."),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000, "gave no answer that is HTTP."),
        (b"HTTP/1.1 200 " + b"x" * 100_000, "gave no answer that is HTTP."),
    ],
)
def test_an_odd_answer_is_a_failure(bytes_, said, queue):
    def answer(post):
        post.connection.sendall(bytes_)

    with receivers.http(answer) as (url, _posts):
        sent = queue(address=url)
        send()

    assert said in result(sent)[2]


def test_a_receiver_that_answers_byte_by_byte_is_left(queue, monkeypatch):
    monkeypatch.setattr(http, "SECONDS", 0.5)

    def answer(post):
        try:
            for byte in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000:
                post.connection.sendall(bytes([byte]))
                time.sleep(0.05)
        except OSError:
            post.left = True

    with receivers.http(answer) as (url, posts):
        sent = queue(address=url)
        send()
        host = url.removeprefix("http://")
        assert result(sent)[2] == f"{host} gave no answer within 0.5 s."
    assert SECONDS == 10
    assert len(posts) == 1


def test_a_receiver_that_is_not_there_is_a_failure(queue):
    with receivers.http() as (url, _posts):
        pass
    sent = queue(address=url)

    send()

    assert result(sent)[2].endswith("can't be reached: Connection refused.")


@pytest.mark.parametrize("kind", ["webhook", "ntfy"])
@pytest.mark.parametrize(
    "name", ["127.0.0.1", "localhost", "[::1]", "2130706433", "[::ffff:7f00:1]"]
)
def test_private_addresses_are_refused_unless_allowed(kind, name, queue):
    with receivers.http() as (url, posts):
        port = url.rpartition(":")[2]
        sent = queue(kind, f"http://{name}:{port}/topic")
        send(allow_private=False)

    status, _attempts, error = result(sent)
    assert (status, posts) == ("given_up", [])
    assert "PORTATLAS_WEBHOOKS_PRIVATE" in error


def test_a_connection_goes_to_the_address_that_was_checked(queue, monkeypatch):
    """A name that leads elsewhere when it is asked a second time gets nothing."""
    asked = []

    def getaddrinfo(host, port, **options):
        asked.append(host)
        return [(2, 1, 6, "", (f"127.0.0.{len(asked)}", port))]

    with receivers.http() as (url, posts):
        port = url.rpartition(":")[2]
        sent = queue(address=f"http://rebound.example.org:{port}/")
        monkeypatch.setattr(http.socket, "getaddrinfo", getaddrinfo)
        send()

    assert asked == ["rebound.example.org"]
    assert result(sent)[0] == "delivered"
    assert posts[0].headers["Host"] == f"rebound.example.org:{port}"


def test_ntfy_gets_json_with_whatever_names_there_are(queue):
    with receivers.http() as (url, posts):
        queue(
            "ntfy",
            f"{url}/my-topic",
            "tk_secret",
            subject="1 new port: Größe → \u2603",
            priority=4,
            tags="warning,atlas",
        )
        send()

    (post,) = posts
    assert (post.path, post.headers["Authorization"]) == ("/", "Bearer tk_secret")
    assert json.loads(post.body) == {
        "topic": "my-topic",
        "title": "1 new port: Größe → \u2603",
        "message": "What there is to say.\n",
        "priority": 4,
        "tags": ["warning", "atlas"],
        "click": "https://atlas.example.org/",
    }


def test_ntfy_without_a_token_sends_none(queue):
    with receivers.http() as (url, posts):
        queue("ntfy", f"{url}/my-topic", "")
        send()

    assert "Authorization" not in posts[0].headers


@pytest.fixture
def by_smtp(settings):
    settings.EMAIL_HOST, settings.EMAIL_USE_TLS, settings.EMAIL_HOST_USER = "127.0.0.1", False, ""
    return settings


def test_an_e_mail_is_plain_text_to_each_address(queue, by_smtp):
    with receivers.smtp() as (by_smtp.EMAIL_PORT, mails):
        sent = queue("email", "a@example.org, b@example.org", "", subject="Größe → 1")
        send()

    mail, other = [message_from_string(text) for _recipients, text in mails]
    assert result(sent) == ("delivered", 1, "")
    assert (mail["To"], other["To"]) == ("a@example.org", "b@example.org")
    assert str(make_header(decode_header(mail["Subject"]))) == "Größe → 1"
    assert mail["Message-ID"] == f"<{sent.key}@portatlas>"
    assert mail.get_content_type() == "text/plain"
    assert mail.get_payload().strip() == "What there is to say."


def test_a_mail_server_that_refuses_is_told_without_its_words(queue, by_smtp):
    with receivers.smtp(refuse="MAIL") as (by_smtp.EMAIL_PORT, _mails):
        sent = queue("email", "a@example.org", "")
        send()

    assert result(sent) == ("queued", 1, "Refused for a@example.org (550).")


def test_without_a_mail_server_it_is_said_how_to_have_one(queue, settings):
    settings.EMAIL_HOST = ""
    sent = queue("email", "a@example.org", "")

    send()

    error = "There is no mail server: set PORTATLAS_SMTP_HOST."
    assert result(sent) == ("given_up", 1, error)


of_apprise = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


@of_apprise
def test_apprise_sends_what_it_is_told_to(queue):
    with receivers.http() as (url, posts):
        sent = queue("apprise", "", url.replace("http://", "json://"))
        send()

    assert result(sent) == ("delivered", 1, "")
    assert json.loads(posts[0].body)["title"] == "A subject"


@of_apprise
def test_apprise_reaches_no_private_address_unless_allowed(queue):
    with receivers.http() as (url, posts):
        sent = queue("apprise", "", url.replace("http://", "json://"))
        send(allow_private=False)

    assert (result(sent)[0], posts) == ("given_up", [])


@of_apprise
def test_what_apprise_does_not_understand_is_given_up(queue):
    sent = queue("apprise", "", "nonsense with a secret")

    send()

    assert result(sent) == (
        "given_up",
        1,
        "Apprise does not understand the URL of this channel.",
    )


def test_a_secret_of_another_key_has_to_be_entered_again(queue):
    sent = queue(address="http://127.0.0.1:1/")

    send(keys=("another key",))

    assert result(sent)[0] == "given_up"
    assert "Enter the secret again." in result(sent)[2]


def test_secrets_are_kept_when_the_key_is_changed_with_a_fallback():
    sealed = seal(SECRET, [KEY])

    assert unseal(sealed, ["new", KEY]) == SECRET
    assert SECRET not in sealed
    with pytest.raises(SecretLostError):
        unseal("no such thing \u2603", [KEY])


@pytest.mark.parametrize("gone", ["deleted", "switched off"])
def test_what_has_no_channel_any_more_is_given_up(gone, queue):
    sent = queue(address="http://127.0.0.1:1/")
    if gone == "deleted":
        sent.channel.delete()
    else:
        Channel.objects.update(is_enabled=False)

    send()

    status, _attempts, error = result(sent)
    assert (status, error.endswith(f"{gone}.")) == ("given_up", True)


def test_a_claimed_delivery_is_nobody_elses(queue):
    queue()

    first, second = claim(NOON), claim(NOON)

    assert (len(first), second) == (1, [])


@pytest.mark.django_db(transaction=True)
def test_of_workers_that_claim_at_once_each_gets_others(queue):
    if connection.vendor == "sqlite":
        pytest.skip("one connection writes at a time, by the database itself")
    for _ in range(100):
        queue()

    def work(_number):
        mine = [each.pk for each in claim(NOON)]
        connection.close()
        return mine

    with ThreadPoolExecutor(8) as workers:
        claimed = list(chain(*workers.map(work, range(24))))

    assert len(claimed) == len(set(claimed)) == 100


def test_what_a_killed_worker_had_claimed_is_sent_when_its_claim_runs_out(queue):
    with receivers.http() as (url, posts):
        sent = queue(address=url)
        claim(NOON)  # and then it was killed
        early = send(NOON + delivery.LEASE - timedelta(seconds=1))
        late = send(NOON + delivery.LEASE)

    assert (early, late) == (0, 1)
    assert result(sent) == ("delivered", 2, "")
    assert len(posts) == 1


def test_the_log_says_that_nothing_was_heard_of_an_attempt(queue):
    with receivers.http() as (url, posts):
        sent = queue(address=url)
        claim(NOON)  # and then it was killed
        claim(NOON + delivery.LEASE)  # as well
        send(NOON + 2 * delivery.LEASE)

    assert (result(sent), len(posts)) == (("delivered", 3, ""), 1)
    assert sent.remarks.splitlines() == [
        f"Attempt {number}: nobody wrote what came of it, for the worker that had it ended, or its "
        "receiver hung. It may have arrived; each attempt tells the receiver the same idempotency "
        "key."
        for number in (1, 2)
    ]


def test_what_failed_and_was_written_down_is_nothing_to_remark(queue):
    answers = iter([500, 200])
    with receivers.http(lambda post: next(answers)) as (url, _posts):
        sent = queue(address=url)
        send()
        send(NOON + MINUTE)

    assert (result(sent), sent.remarks) == (("delivered", 2, ""), "")


def test_what_kills_every_worker_is_given_up(queue):
    sent = queue()
    for n in range(3):
        claim(NOON + n * delivery.LEASE)

    send(NOON + 3 * delivery.LEASE)

    assert result(sent) == ("given_up", 4, delivery.LOST)


def test_whoever_is_late_writes_nothing_over_the_claim_of_another(queue):
    sent = queue()
    (late,) = claim(NOON)
    (other,) = claim(NOON + delivery.LEASE)

    delivery.end(late, "It failed.", NOON + delivery.LEASE, TERMS)

    sent.refresh_from_db()
    assert (sent.status, sent.claim) == ("claimed", other.claim)


def test_a_batch_is_sent_at_once_and_the_rest_afterwards(queue):
    with receivers.http() as (url, posts):
        for n in range(delivery.BATCH + 2):
            queue(address=f"{url}/{n}")

        assert [send(), send(), send()] == [delivery.BATCH, 2, 0]
    assert len({post.path for post in posts}) == len(posts) == delivery.BATCH + 2


@pytest.mark.django_db(transaction=True)
def test_an_outcome_that_cannot_be_written_costs_no_other(queue, caplog):
    lost = []

    def fail_once(execute, sql, params, many, context):
        if sql.startswith("UPDATE") and "delivered" in params and not lost:
            lost.append(sql)
            raise OperationalError("database is locked")
        return execute(sql, params, many, context)

    with receivers.http() as (url, posts):
        sent = [queue(address=url) for _ in range(3)]
        with connection.execute_wrapper(fail_once):
            send()

    assert sorted(result(each)[0] for each in sent) == ["claimed", "delivered", "delivered"]
    assert (len(posts), len(lost)) == (3, 1)
    assert "could not be written" in caplog.text


def test_what_hangs_is_left_to_the_end_of_its_claim(queue, monkeypatch):
    """As a resolver may, which has no deadline."""
    right, go_on = http.socket.getaddrinfo, threading.Event()

    def hang(host, port, **options):
        if host == "hangs.example.org":
            go_on.wait(30)
            raise OSError
        return right(host, port, **options)

    monkeypatch.setattr(http.socket, "getaddrinfo", hang)
    monkeypatch.setattr(delivery, "PATIENCE", 0.5)
    with receivers.http() as (url, _posts):
        late, sent = queue(address="http://hangs.example.org/"), queue(address=url)
        send()
    go_on.set()

    late.refresh_from_db()
    assert result(sent) == ("delivered", 1, "")
    assert (late.status, late.ready_at) == ("claimed", NOON + delivery.LEASE)


def test_the_patience_with_a_batch_is_far_shorter_than_a_claim():
    longest = max(email.ALTOGETHER, SECONDS)

    assert longest < delivery.PATIENCE < delivery.LEASE.total_seconds() / 2


def test_the_log_is_kept_for_so_long(queue):
    old, open_ = queue(at=NOON - timedelta(days=91)), queue(at=NOON - timedelta(days=91))
    Delivery.objects.filter(pk=old.pk).update(status="delivered")
    Delivery.objects.filter(pk=open_.pk).update(ready_at=NOON + timedelta(days=1))
    young = queue()
    Delivery.objects.filter(pk=young.pk).update(status="given_up")

    delivery.prune(NOON - TERMS.keep)

    assert list(Delivery.objects.order_by("pk")) == [open_, young]


def test_where_nothing_is_due_it_is_one_statement(queue, django_assert_num_queries):
    queue(at=NOON + MINUTE)

    with django_assert_num_queries(1):
        send()


@pytest.mark.parametrize("count", [1, 3])
def test_a_batch_costs_one_statement_more_for_each_delivery(
    count, queue, django_assert_num_queries
):
    with receivers.http() as (url, _posts):
        for _ in range(count):
            queue(address=url)

        # What is due, claimed, read; one outcome each.
        with django_assert_num_queries(3 + count):
            send()


def test_what_is_due_is_found_by_its_index(queue):
    queue()
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL scans so small a table")

    plan = Delivery.objects.filter(delivery.OPEN, ready_at__lte=NOON).order_by("ready_at", "pk")

    assert "notifications_delivery_open" in plan.explain()
