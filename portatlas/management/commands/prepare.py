"""
`prepare`: make a database ready for the services that share it, before the first of them starts.

Done again, nothing changes: it may run at every start.
"""

from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.exceptions import ValidationError
from django.core.management import CommandError
from django.db import DatabaseError, transaction
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from collector.schedule import TASK
from portatlas.management.commands.up import Command as Up
from portatlas.tokens import services
from portatlas.tokens.models import Token
from portatlas.tokens.scopes import Scope

COLLECTOR = "collector"  # the name of the account, and of its token


class Command(Up):
    help = "Migrate the database and make the first account, as `up` does before it starts."

    def add_arguments(self, parser):
        parser.add_argument(
            "--collector-token",
            metavar="FILE",
            type=Path,
            help="also write a token by which an agent may bring the sweeps of PORTATLAS_HOST_ID, "
            "and have no worker look at its own machine: it is a container. What was revoked "
            "stays so until FILE is removed",
        )

    def handle(self, collector_token, **options):
        try:
            self.migrate()
            self.make_admin()
            if collector_token:
                self.let_collect(collector_token, settings.PORTATLAS_HOST_ID)
        except DatabaseError as exc:
            raise CommandError(f"The database can't be used: {exc}") from exc
        except ValidationError as exc:  # somebody switched its user off
            raise CommandError(f"There is no token for the collector: {exc.messages[0]}") from exc
        except OSError as exc:
            raise CommandError(f"{collector_token} can't be used: {exc.strerror}.") from exc

    def let_collect(self, file: Path, host_id: str):
        if not is_ours(file, host_id):
            with transaction.atomic():  # a token that nobody can read is none
                write_privately(file, entrust(host_id, at=timezone.now()))
            self.stdout.write(f"In {file} is a token for the sweeps of {host_id}.")


def is_ours(file: Path, host_id: str) -> bool:
    """Whether a file holds a token that was made here for that host, be it revoked since."""
    if not file.exists():
        return False
    key = file.read_bytes()[: services.KEY_LENGTH].decode("ascii", "replace")
    return Token.objects.filter(
        user__username=COLLECTOR, token_key=key.replace("\0", ""), host_id=host_id
    ).exists()


def entrust(host_id: str, *, at: datetime) -> str:
    """Leave the looking at a host to its collector; return the token that it may do it by."""
    user, _ = get_user_model().objects.get_or_create(
        username=COLLECTOR,
        defaults={"password": "!"},  # none opens it
    )
    may_bring = Permission.objects.get_by_natural_key("add_host", "collector", "host")
    user.user_permissions.add(may_bring)
    for lost in Token.objects.filter(user=user, name=COLLECTOR, revoked_at=None):
        services.revoke(lost, at=at)
    for task in PeriodicTask.objects.filter(task=TASK, enabled=True):
        task.enabled = False
        task.save()  # and not by an UPDATE: beat hears of this
    named = {"name": COLLECTOR, "scopes": [Scope.WRITE_SWEEPS]}
    return services.make(user, **named, host_id=host_id, at=at)[1]


def write_privately(file: Path, secret: str) -> None:
    draft = file.with_name(f".{file.name}")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(f"{secret}\n", encoding="ascii")
    draft.replace(file)
