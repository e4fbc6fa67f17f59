from django.db import migrations
from django.utils import timezone

TASK = "collector.tasks.collect"


def schedule(apps, schema_editor):
    """Sweep every 15 s. From here on the rows are the administrator's."""
    IntervalSchedule = apps.get_model("django_celery_beat", "IntervalSchedule")
    PeriodicTask = apps.get_model("django_celery_beat", "PeriodicTask")
    if PeriodicTask.objects.filter(task=TASK).exists():
        return
    interval = IntervalSchedule.objects.filter(every=15, period="seconds").first()
    if interval is None:
        interval = IntervalSchedule.objects.create(every=15, period="seconds")
    PeriodicTask.objects.create(
        name="Sweep this host",
        task=TASK,
        interval=interval,
        expire_seconds=14,  # collector/schedule.py keeps it below the interval from here on
        description="Run ss and record what it lists.",
    )
    # Beat compares this time with the last one it saw; without a row it misses the first edit.
    apps.get_model("django_celery_beat", "PeriodicTasks").objects.get_or_create(
        ident=1, defaults={"last_update": timezone.now()}
    )


class Migration(migrations.Migration):
    dependencies = [
        ("collector", "0001_initial"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]
    operations = [migrations.RunPython(schedule, migrations.RunPython.noop)]
