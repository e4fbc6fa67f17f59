"""The schedule of the sweeps: rows of django-celery-beat, editable in the admin."""

from datetime import timedelta

from django.db.models.signals import post_save, pre_save
from django_celery_beat.models import IntervalSchedule, PeriodicTask

TASK = "collector.tasks.collect"


def interval() -> float:
    """Return the seconds between two sweeps of this host, 0 when none is scheduled."""
    tasks = PeriodicTask.objects.select_related("interval", "crontab")
    task = tasks.filter(task=TASK, enabled=True).first()
    return _seconds(task) if task else 0


def expire_before_the_next(sender, instance: PeriodicTask, **kwargs) -> None:
    """A sweep that waited for a whole interval would only tell what the next one tells (N60)."""
    if instance.task == TASK and (instance.interval or instance.crontab):
        instance.expires = None
        instance.expire_seconds = max(1, int(_seconds(instance)) - 1)


def follow_the_interval(sender, instance: IntervalSchedule, **kwargs) -> None:
    for task in PeriodicTask.objects.filter(task=TASK, interval=instance):
        task.save()


def connect() -> None:
    pre_save.connect(expire_before_the_next, sender=PeriodicTask)
    post_save.connect(follow_the_interval, sender=IntervalSchedule)


def _seconds(task: PeriodicTask) -> float:
    if task.interval:
        return task.interval.schedule.run_every.total_seconds()
    if task.crontab:
        cron = task.crontab.schedule
        second = timedelta(seconds=1)  # the clock goes on between the two questions
        due = cron.now() + cron.remaining_estimate(cron.now()) + second
        left = cron.remaining_estimate(due) + cron.now() - due + second
        return float(round(left.total_seconds()))
    return 0  # once, or by the sun
