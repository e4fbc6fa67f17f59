"""`manage.py token`: make, list and revoke tokens where no browser is at hand."""

import json
from datetime import datetime

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management import BaseCommand, CommandError
from django.db import DatabaseError
from django.utils import timezone

from portatlas.tokens import lifetime, services
from portatlas.tokens.models import Token
from portatlas.tokens.scopes import Scope

MOST = 2**63 - 1  # of what a database takes for a number
COLUMNS = ("id", "user", "name", "scopes", "host", "created", "expires", "last used", "state")


class Command(BaseCommand):
    help = (
        "Make, list and revoke tokens of the API. Ends with 0 when that is done, with 1 if it was "
        "refused, with 2 if the arguments make no sense."
    )

    def add_arguments(self, parser):
        actions = parser.add_subparsers(dest="action", required=True, metavar="make|list|revoke")
        make = actions.add_parser(
            "make", help="make one; the secret alone goes to standard output, and only now"
        )
        make.add_argument("--user", required=True, help="in whose name it speaks")
        make.add_argument("--name", required=True, help="what uses it, and where")
        make.add_argument(
            "--scope",
            dest="scopes",
            action="append",
            required=True,
            choices=list(map(str, Scope)),
            help="what it may do; say it again for more",
        )
        make.add_argument("--host", default="", help="the only host whose sweeps it may bring")
        make.add_argument(
            "--expires",
            default=lifetime.USUAL,
            metavar="WHEN",
            help="90d, 12w, 1y, a day like 2027-01-31, or never (default: a year)",
        )
        listing = actions.add_parser("list", help="list them, the revoked and expired ones too")
        listing.add_argument("--user", help="of this user only")
        revoke = actions.add_parser("revoke", help="close one for good")
        revoke.add_argument("id", type=int, help="its number in the list")
        for each in (make, listing, revoke):
            each.add_argument("--json", action="store_true", help="answer in JSON")

    def handle(self, *, action, **options):
        try:
            {"make": self.make, "list": self.list, "revoke": self.revoke}[action](**options)
        except DatabaseError as exc:
            is_new = "no such table" in str(exc) or "does not exist" in str(exc)
            hint = " Run python3 manage.py migrate first." if is_new else ""
            raise CommandError(f"The database can't be used: {exc}.{hint}") from exc

    def make(self, *, user, host, expires, json, **options):
        now, owner = timezone.now(), found(user)
        named = {name: options[name] for name in ("name", "scopes")}
        try:
            expiry = lifetime.expiry(expires, now)
            token, secret = services.make(owner, **named, host_id=host, expiry=expiry, at=now)
        except ValidationError as exc:
            raise CommandError(said(exc)) from exc
        except ValueError as exc:
            raise CommandError(f"--expires: {exc}") from exc
        if json:
            self.stdout.write(as_json(told(token, now) | {"secret": secret}))
            return
        self.stdout.write(secret)
        until = f"until {token.expiry:%F %T} UTC" if token.expiry else "until it is revoked"
        self.stderr.write(
            f"Token {token.pk}, “{token.name}” of {owner}: {', '.join(token.scopes)}, {until}. "
            "Keep it: it is not shown again."
        )

    def list(self, *, user, json, **options):
        now, tokens = timezone.now(), Token.objects.select_related("user")
        if user is not None:
            tokens = tokens.filter(user=found(user))
        rows = [told(token, now) for token in tokens]
        if json:
            self.stdout.write(as_json(rows))
        elif rows:
            self.stdout.write(table([COLUMNS, *map(as_line, rows)]))
        else:
            self.stderr.write("There is none. Make one: python3 manage.py token make --help")

    def revoke(self, *, id, json, **options):  # noqa: A002  # the name of the argument
        now = timezone.now()
        token = Token.objects.select_related("user").filter(pk=id).first() if id <= MOST else None
        if token is None:
            raise CommandError(f"There is no token {id}: python3 manage.py token list tells them.")
        if not services.revoke(token, by=None, at=now):
            raise CommandError(f"Token {id} was revoked before, at {token.revoked_at:%F %T} UTC.")
        if json:
            self.stdout.write(as_json(told(token, now)))
        else:
            self.stderr.write(f"Token {id}, “{token.name}” of {token.user}, is revoked.")


def found(name: str):
    """Return the user of that name. Raises CommandError, which says who there is to ask."""
    users = get_user_model().objects
    user = users.filter(username=name).first() if name.isprintable() else None
    if user is None:
        raise CommandError(
            f"There is no user {name[:150]!r}: make one in the admin, or by "
            "python3 manage.py createsuperuser."
        )
    return user


def said(error: ValidationError) -> str:
    """Say what is wrong with a token, by the names of the arguments."""
    names = {"host_id": "--host: ", "name": "--name: ", "scopes": "--scope: ", "user": "--user: "}
    return " ".join(
        names.get(field, "") + message
        for field, messages in error.message_dict.items()
        for message in messages
    )


def told(token: Token, now: datetime) -> dict:
    """Return what may be told of a token: neither its secret nor its digest."""
    return {
        "id": token.pk,
        "user": token.user.get_username(),
        "name": token.name,
        "begins_with": token.token_key,
        "scopes": token.scopes,
        "host_id": token.host_id,
        "created_at": token.created,
        "expires_at": token.expiry,
        "last_used_at": token.last_used_at,
        "revoked_at": token.revoked_at,
        "state": token.state(now).value,
    }


def as_json(value) -> str:
    return json.dumps(value, indent=2, default=datetime.isoformat)


def as_line(row: dict) -> tuple[str, ...]:
    times = [row[name] for name in ("created_at", "expires_at", "last_used_at")]
    created, expires, used = (f"{time:%F %H:%M}" if time else "never" for time in times)
    scopes = ",".join(row["scopes"])
    owner, name, host = row["user"], row["name"], row["host_id"] or "any"
    return (str(row["id"]), owner, name, scopes, host, created, expires, used, row["state"])


def table(rows: list[tuple[str, ...]]) -> str:
    """Align the columns of a table with their longest words."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
