from django.apps import AppConfig
from django.db import connections
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate, pre_migrate
from django.utils import timezone


class AtlasConfig(AppConfig):
    name = "portatlas"
    verbose_name = "Port Atlas"

    def ready(self):
        from collector.signals import swept  # noqa: PLC0415  # as all of Django's receivers

        connection_created.connect(without_jit, dispatch_uid="portatlas")
        swept.connect(after_sweep, dispatch_uid="portatlas")
        pre_migrate.connect(without_standing, sender=self)
        post_migrate.connect(with_standing, sender=self)


def without_jit(connection, **kwargs):
    """
    Have PostgreSQL compile no statement: that takes it seconds, and saves it milliseconds.

    It compiles what it takes for long, and it takes each look at a fact for as long as any.
    """
    if connection.vendor == "postgresql":
        with connection.connection.cursor() as cursor:
            cursor.execute("SET jit = off")


def without_standing(using, **kwargs):
    """Drop the triggers while a migration may rebuild what they are about."""
    from portatlas import standing  # noqa: PLC0415  # models are not there yet when apps are

    standing.remove(connections[using])


def with_standing(using, **kwargs):
    """Make the triggers and what they keep, once their tables are there."""
    from portatlas import standing  # noqa: PLC0415  # models are not there yet when apps are

    standing.install(connections[using])


def after_sweep(sender, outcome=None, **kwargs):
    """Hold reservations against what a sweep found changed, in its own task or request."""
    if not outcome or not outcome.changed:
        return
    from portatlas.reserving import observing  # noqa: PLC0415  # models are not there yet when apps are

    observing.follow(outcome.sweep.host_id, outcome.changed, at=timezone.now())
