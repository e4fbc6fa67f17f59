"""What the migrations of groups share: permissions as of the state that a migration sees."""

from django.contrib.auth.management import create_permissions


def make(apps, using: str, *labels: str) -> None:
    """Make the permissions of these packages, which Django would make after all migrations."""
    for label in labels:
        config = apps.get_app_config(label)
        module = getattr(config, "models_module", None)
        config.models_module = True  # the state's configurations lack it, and are skipped then
        create_permissions(config, verbosity=0, using=using, apps=apps)
        config.models_module = module
    apps.get_model("contenttypes", "ContentType").objects.clear_cache()


def give(apps, using: str, group: str, names: tuple[str, ...]) -> None:
    """Give a group these permissions, beside those it has. A name is `app.codename`."""
    group, _is_new = apps.get_model("auth", "Group").objects.using(using).get_or_create(name=group)
    permissions = apps.get_model("auth", "Permission").objects.using(using)
    for name in names:
        app, codename = name.split(".")
        group.permissions.add(permissions.get(content_type__app_label=app, codename=codename))
