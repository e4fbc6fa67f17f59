"""Views of the list of ports as links, and the five that triage begins with."""

import django.core.validators
from django.db import migrations, models

from portatlas.migrations import _permissions

VIEWS = {
    "Inbox": "state=unnoted&client=no",
    "Urgent": "state=suspicious",
    "Missing": "state=ghost",
    "Open to everywhere, nobody's": "reach=any&owner=-&client=no",
    "Knowledge to review": "review=stale",
}
GROUPS = {
    "viewer": ("portatlas.view_savedview",),
    "annotator": ("portatlas.view_savedview",),
    "admin": tuple(f"portatlas.{what}_savedview" for what in ("view", "add", "change", "delete")),
}


def write_views(apps, schema_editor):
    using = schema_editor.connection.alias
    views = apps.get_model("portatlas", "SavedView").objects.using(using)
    for place, (title, query) in enumerate(VIEWS.items(), start=1):
        views.create(title=title, query=query, position=place * 10)
    _permissions.make(apps, using, "portatlas")
    for group, names in GROUPS.items():
        _permissions.give(apps, using, group, names)


class Migration(migrations.Migration):

    dependencies = [
        ('portatlas', '0003_groups'),
    ]

    operations = [
        migrations.CreateModel(
            name='SavedView',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('title', models.CharField(max_length=60, unique=True)),
                ('query', models.CharField(blank=True, help_text='What stands behind the question mark in the address of the list of ports.', max_length=500, validators=[django.core.validators.RegexValidator('^\\??[A-Za-z0-9_.~%+*=&,:@-]*\\Z', 'Only what stands behind the question mark in the address of the list.')])),
                ('position', models.PositiveSmallIntegerField(default=100, help_text='The lowest stands first.')),
            ],
            options={
                'ordering': ['position', 'title'],
            },
        ),
        migrations.RunPython(write_views, migrations.RunPython.noop),
    ]
