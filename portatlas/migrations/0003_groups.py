"""
Three groups: who reads, who writes notes, and who runs the installation.

An annotator deletes nothing: what was once known is for the administrators to throw away. Who may
change users can make himself all that there is, so that the last group is for such people only.
"""

from django.db import migrations

from portatlas.migrations import _permissions

VIEWER = (
    "portatlas.view_port",
    "portatlas.view_memory",
    "notes.view_portnote",
    "collector.view_host",
    "collector.view_portevent",
    "collector.view_hostevent",
    "collector.view_coverage",
)
ANNOTATOR = (*VIEWER, "notes.add_portnote", "notes.change_portnote")
RUN = (
    "auth.{}_user",
    "auth.{}_group",
    "django_celery_beat.{}_periodictask",
    "django_celery_beat.{}_intervalschedule",
    "django_celery_beat.{}_crontabschedule",
    "django_celery_beat.{}_clockedschedule",
    "django_celery_beat.{}_solarschedule",
)
ADMIN = (
    *ANNOTATOR,
    "notes.delete_portnote",
    *(name.format(what) for name in RUN for what in ("view", "add", "change", "delete")),
)
GROUPS = {"viewer": VIEWER, "annotator": ANNOTATOR, "admin": ADMIN}


def make_groups(apps, schema_editor):
    using = schema_editor.connection.alias
    _permissions.make(
        apps, using, "portatlas", "notes", "collector", "auth", "django_celery_beat"
    )
    for group, names in GROUPS.items():
        _permissions.give(apps, using, group, names)


def drop_groups(apps, schema_editor):
    groups = apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias)
    groups.filter(name__in=GROUPS).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("portatlas", "0002_standing"),
        ("notes", "0002_triage"),
        ("collector", "0004_ancestors"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [migrations.RunPython(make_groups, drop_groups)]
