"""The doors of notifications: after a sweep, and once a minute."""

import json
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from collector.signals import swept
from collector.tasks import collect
from portatlas.celery import app
from portatlas.notifications import tasks, watch
from portatlas.notifications.models import Channel, Delivery, Rule
from portatlas.notifications.vault import seal
from tests.portatlas import receivers
from tests.tools import require

pytestmark = pytest.mark.django_db


@pytest.fixture
def _worker():
    """Let what is queued be done at once."""
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


@pytest.fixture
def listen(settings):
    """Return a function that makes a rule, and a webhook to hear of it."""
    settings.PORTATLAS_WEBHOOKS_PRIVATE = True

    def listen(url, kind="unnoted", **fields):
        sealed = seal("correct horse battery staple", [settings.SECRET_KEY])
        channel = Channel.objects.create(name="Ops", kind="webhook", address=url, sealed=sealed)
        rule = Rule.objects.create(name="Rule", kind=kind, **fields)
        rule.channels.add(channel)
        return rule

    return listen


@pytest.mark.usefixtures("_worker")
def test_what_a_sweep_finds_is_told_in_its_own_task(listen, open_port):
    with receivers.http() as (url, posts):
        listen(url)
        open_port(80)

        swept.send_robust(None)

    assert len(posts) == 1
    assert Delivery.objects.get().status == "delivered"


@pytest.mark.usefixtures("_worker")
def test_the_first_sweep_of_this_machine_is_one_message(listen):
    require("ss")
    with receivers.http() as (url, posts):  # so that it listens somewhere
        listen(url, "new_port")
        collect()
        collect()

    assert [json.loads(post.body)["subject"] for post in posts] == [
        f"[Port Atlas] 1 new host: {settings.PORTATLAS_HOST_ID}"
    ]


@pytest.mark.usefixtures("_worker")
def test_a_sweep_with_nothing_to_tell_queues_nothing(listen, open_port, monkeypatch):
    monkeypatch.setattr(tasks.deliver, "run", lambda: pytest.fail("a message was queued"))
    listen("https://example.org/", minutes=5)
    open_port(80)

    swept.send_robust(None)

    assert not Delivery.objects.exists()


def test_a_queue_that_fails_stops_no_sweep_and_loses_nothing(
    listen, open_port, monkeypatch, caplog
):
    def fail(*args, **kwargs):
        raise OSError("No space left on device")

    monkeypatch.setattr(tasks.deliver, "apply_async", fail)
    with receivers.http() as (url, posts):
        listen(url)
        open_port(80)
        swept.send_robust(None)
        before = len(posts)
        tasks.tick()

    assert "waits for the next minute" in caplog.text
    assert (before, len(posts)) == (0, 1)


@pytest.mark.usefixtures("_worker")
def test_a_minute_tells_what_time_has_brought_about(listen, open_port):
    with receivers.http() as (url, posts):
        rule = listen(url, minutes=5)
        open_port(80)
        tasks.tick()
        before = len(posts)
        rule.matters.update(ready_at=timezone.now())
        tasks.tick()
        tasks.tick()

    assert (before, len(posts)) == (0, 1)


@pytest.mark.usefixtures("_worker")
def test_more_than_a_batch_is_sent_by_further_messages(listen, open_port):
    with receivers.http() as (url, posts):
        rule = listen(url)
        channel = rule.channels.get()
        now = timezone.now()
        Delivery.objects.bulk_create(
            Delivery(
                channel=channel,
                channel_name="Ops",
                subject=str(number),
                body="",
                created_at=now,
                ready_at=now,
            )
            for number in range(40)
        )

        tasks.tick()

    assert len(posts) == 40


def test_the_minute_is_a_row_of_the_schedule():
    task = PeriodicTask.objects.get(task=tasks.tick.name)

    assert (task.enabled, str(task.interval), task.expire_seconds) == (True, "every minute", 55)


def test_a_minute_sends_what_is_queued_though_no_rule_can_be_evaluated(listen, open_port):
    with receivers.http() as (url, posts):
        listen(url)
        open_port(80)
        watch.evaluate(timezone.now(), by_clock=True, site="")
        with (
            connection.execute_wrapper(fail_to_read_rules),
            pytest.raises(OperationalError, match="rules"),
        ):
            tasks.tick()

    assert len(posts) == 1


def fail_to_read_rules(execute, sql, params, many, context):
    if 'FROM "notifications_rule"' in sql:
        raise OperationalError("no rules today")
    return execute(sql, params, many, context)


def test_a_minute_forgets_what_is_old_though_nothing_is_sent(settings):
    settings.PORTATLAS_NOTIFY_KEEP = 7
    now = timezone.now()
    _old, young = [
        Delivery.objects.create(
            channel_name="Ops",
            status="delivered",
            created_at=now - timedelta(days=days),
            ready_at=now,
        )
        for days in (8, 6)
    ]

    tasks.tick()

    assert list(Delivery.objects.all()) == [young]


def test_an_idle_minute_is_three_statements(django_assert_num_queries):
    # Rules; what is due; what of the log is old.
    with django_assert_num_queries(3):
        tasks.tick()
