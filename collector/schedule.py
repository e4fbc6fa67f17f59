"""The schedule of the sweeps: rows of django-celery-beat, editable in the admin."""

from django_celery_beat.models import PeriodicTask

TASK = "collector.tasks.collect"


def interval() -> float:
    """Return the seconds between two sweeps of this host, 0 when none is scheduled."""
    task = PeriodicTask.objects.select_related("interval").filter(task=TASK, enabled=True).first()
    if task is None or task.interval is None:
        return 0
    return task.interval.schedule.run_every.total_seconds()
