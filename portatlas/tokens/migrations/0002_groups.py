"""
Everybody makes and sees tokens of his own, which can do no more than he; administrators see all.

Who deletes a user deletes his tokens.
"""

from django.db import migrations

from portatlas.migrations import _permissions

OWN = ("tokens.add_token", "tokens.view_token")
GROUPS = {
    "viewer": OWN,
    "annotator": OWN,
    "admin": (*OWN, "tokens.delete_token", "tokens.manage_tokens"),
}


def give_groups(apps, schema_editor):
    using = schema_editor.connection.alias
    _permissions.make(apps, using, "tokens")
    for group, names in GROUPS.items():
        _permissions.give(apps, using, group, names)


class Migration(migrations.Migration):
    dependencies = [
        ("tokens", "0001_initial"),
        ("portatlas", "0003_groups"),
    ]

    operations = [migrations.RunPython(give_groups, migrations.RunPython.noop)]
