"""
Administrators may enrol hosts, and their tokens bring the sweeps of hosts.

A token can do no more than its user: without this permission, whoever may make a token could
write facts about any machine.
"""

from django.db import migrations

from portatlas.migrations import _permissions


def give(apps, schema_editor):
    using = schema_editor.connection.alias
    _permissions.make(apps, using, "collector")
    _permissions.give(apps, using, "admin", ("collector.add_host",))


class Migration(migrations.Migration):
    dependencies = [
        ("portatlas", "0004_views"),
        ("collector", "0005_board_indexes"),
    ]

    operations = [migrations.RunPython(give, migrations.RunPython.noop)]
