"""Look after leases once a minute; who sees ports sees who reserved them, who notes reserves."""

from django.db import migrations
from django.utils import timezone

from portatlas.migrations import _permissions

TASK = "portatlas.tasks.look_after_reservations"
VIEWER = ("reservations.view_reservation", "reservations.view_reservationevent")
ANNOTATOR = (
    *VIEWER,
    "reservations.view_allocationrule",
    *(f"reservations.{what}_reservation" for what in ("add", "change", "delete")),
)
ADMIN = (
    *ANNOTATOR,
    *(f"reservations.{what}_allocationrule" for what in ("add", "change", "delete")),
)
GROUPS = {"viewer": VIEWER, "annotator": ANNOTATOR, "admin": ADMIN}


def schedule(apps, schema_editor):
    """From here on the row is the administrator's."""
    IntervalSchedule = apps.get_model("django_celery_beat", "IntervalSchedule")
    PeriodicTask = apps.get_model("django_celery_beat", "PeriodicTask")
    if PeriodicTask.objects.filter(task=TASK).exists():
        return
    interval = IntervalSchedule.objects.filter(every=1, period="minutes").first()
    if interval is None:
        interval = IntervalSchedule.objects.create(every=1, period="minutes")
    PeriodicTask.objects.create(
        name="Look after reservations",
        task=TASK,
        interval=interval,
        expire_seconds=55,  # one that waited so long would only do what the next one does
        description="Release what has run out or whose process has ended.",
    )
    apps.get_model("django_celery_beat", "PeriodicTasks").objects.update_or_create(
        ident=1, defaults={"last_update": timezone.now()}
    )


def give_permissions(apps, schema_editor):
    using = schema_editor.connection.alias
    _permissions.make(apps, using, "reservations")
    for group, names in GROUPS.items():
        _permissions.give(apps, using, group, names)


class Migration(migrations.Migration):
    dependencies = [
        ("reservations", "0001_initial"),
        ("portatlas", "0003_groups"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]
    operations = [
        migrations.RunPython(schedule, migrations.RunPython.noop),
        migrations.RunPython(give_permissions, migrations.RunPython.noop),
    ]
