"""When the next sweep is due, whatever kind of schedule says so."""

import pytest
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from collector import schedule

pytestmark = pytest.mark.django_db


@pytest.fixture
def task():
    return PeriodicTask.objects.get(task=schedule.TASK)


def test_the_interval_is_that_of_the_task(task):
    task.interval = IntervalSchedule.objects.create(every=2, period="minutes")
    task.save()

    assert (schedule.interval(), task.expire_seconds) == (120, 119)


@pytest.mark.parametrize(
    ("crontab", "seconds"),
    [({"minute": "*/5"}, 300), ({"minute": "7"}, 3600), ({"minute": "0", "hour": "3"}, 86400)],
)
def test_a_crontab_has_an_interval_too(task, crontab, seconds):
    """Or every second look would pass for a gap."""
    task.interval, task.crontab = None, CrontabSchedule.objects.create(**crontab)
    task.save()

    assert (schedule.interval(), task.expire_seconds) == (seconds, seconds - 1)


def test_a_task_that_is_switched_off_has_none(task):
    task.enabled = False
    task.save()

    assert schedule.interval() == 0
