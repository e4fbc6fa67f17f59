from django.db import migrations
from django.utils import timezone

from portatlas.migrations import _permissions

TASK = "portatlas.notifications.tasks.tick"
SEES = ("notifications.view_rule", "notifications.view_delivery")
GROUPS = {
    "annotator": SEES,
    "admin": (
        *SEES,
        *(f"notifications.{what}_rule" for what in ("add", "change", "delete")),
        *(f"notifications.{what}_channel" for what in ("view", "add", "change", "delete")),
    ),
}


def schedule(apps, schema_editor):
    """Look once a minute at what only time decides. From here on the row is the administrator's."""
    IntervalSchedule = apps.get_model("django_celery_beat", "IntervalSchedule")
    PeriodicTask = apps.get_model("django_celery_beat", "PeriodicTask")
    if PeriodicTask.objects.filter(task=TASK).exists():
        return
    interval = IntervalSchedule.objects.filter(every=1, period="minutes").first()
    if interval is None:
        interval = IntervalSchedule.objects.create(every=1, period="minutes")
    PeriodicTask.objects.create(
        name="Notify",
        task=TASK,
        interval=interval,
        expire_seconds=55,  # one that waited so long would only tell what the next one tells
        description="Tell what is due, and send again what failed.",
    )
    apps.get_model("django_celery_beat", "PeriodicTasks").objects.update_or_create(
        ident=1, defaults={"last_update": timezone.now()}
    )


def give_permissions(apps, schema_editor):
    using = schema_editor.connection.alias
    _permissions.make(apps, using, "notifications")
    for group, names in GROUPS.items():
        _permissions.give(apps, using, group, names)


class Migration(migrations.Migration):
    dependencies = [
        ("notifications", "0001_initial"),
        ("portatlas", "0003_groups"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]
    operations = [
        migrations.RunPython(schedule, migrations.RunPython.noop),
        migrations.RunPython(give_permissions, migrations.RunPython.noop),
    ]
