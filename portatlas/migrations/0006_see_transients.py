"""Who sees ports sees what came and went between two looks."""

from django.db import migrations

from portatlas.migrations import _permissions


def give(apps, schema_editor):
    using = schema_editor.connection.alias
    _permissions.make(apps, using, "collector")
    for group in ("viewer", "annotator", "admin"):
        _permissions.give(apps, using, group, ("collector.view_transient",))


class Migration(migrations.Migration):
    dependencies = [
        ("portatlas", "0005_bring_sweeps"),
        ("collector", "0007_news"),
    ]

    operations = [migrations.RunPython(give, migrations.RunPython.noop)]
