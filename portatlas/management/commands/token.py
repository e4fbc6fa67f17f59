"""`token`: make, list and revoke tokens where no browser is at hand."""

import json
from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management import CommandError
from django.utils import timezone
from rest_framework.utils.encoders import JSONEncoder
from rich.table import Table

from collector.text import safe
from portatlas.terminal.door import Door, program, wrong
from portatlas.terminal.screen import plain
from portatlas.tokens import lifetime, services
from portatlas.tokens.models import Token
from portatlas.tokens.scopes import Scope

MOST = 2**63 - 1  # of what a database takes for a number
COLUMNS = ("id", "user", "name", "scopes", "host", "created", "expires", "last used", "state")


class Command(Door):
    help = "Make, list and revoke tokens of the API."

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
        {"make": self.make, "list": self.list, "revoke": self.revoke}[action](options)

    def make(self, options) -> None:
        now, owner = timezone.now(), self.user(options["user"])
        named = {name: options[name] for name in ("name", "scopes")}
        try:
            expiry = lifetime.expiry(options["expires"], now)
            token, secret = services.make(
                owner, **named, host_id=options["host"], expiry=expiry, at=now
            )
        except ValidationError as exc:
            raise wrong(said(exc)) from exc
        except ValueError as exc:
            raise wrong(f"--expires: {exc}") from exc
        if options["json"]:
            self.say(as_json(told(token, now) | {"secret": secret}))
            return
        self.say(f"{secret}\n")
        until = f"until {token.expiry:%F %T} UTC" if token.expiry else "until it is revoked"
        self.warn(
            f"Token {token.pk}, “{token.name}” of {owner}: {', '.join(token.scopes)}, {until}. "
            "Keep it: it is not shown again."
        )

    def list(self, options) -> None:
        now, tokens = timezone.now(), Token.objects.select_related("user")
        if options["user"] is not None:
            tokens = tokens.filter(user=self.user(options["user"]))
        rows = [told(token, now) for token in tokens]
        if options["json"]:
            self.say(as_json(rows))
        elif rows:
            self.say(self.screen(options).text(table(rows)))
        if not rows:
            self.nothing(f"There is no token. Make one: {program()} token make --help")

    def revoke(self, options) -> None:
        now, number = timezone.now(), options["id"]
        tokens = Token.objects.select_related("user")
        token = tokens.filter(pk=number).first() if 0 < number <= MOST else None
        if token is None:
            self.nothing(f"There is no token {number}: {program()} token list tells them.")
        if not services.revoke(token, at=now):
            raise CommandError(
                f"Token {number} was revoked before, at {token.revoked_at:%F %T} UTC."
            )
        if options["json"]:
            self.say(as_json(told(token, now)))
        else:
            self.warn(f"Token {number}, “{token.name}” of {token.user}, is revoked.")

    def user(self, name: str):
        """Return the user of that name; without one, end with who there is to ask."""
        user = get_user_model().objects.filter(username=name).first()
        if user is None:
            self.nothing(
                f"There is no user “{safe(name, 150)}”: make one in the admin, or by "
                f"{program()} createsuperuser."
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
    return json.dumps(value, cls=JSONEncoder, indent=2) + "\n"


def table(rows: Iterable[dict]) -> Table:
    """Return tokens, as they are told, as a table for a terminal."""
    drawn = Table(*COLUMNS, box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for row in rows:
        times = [row[name] for name in ("created_at", "expires_at", "last_used_at")]
        created, expires, used = (f"{time:%F %H:%M}" if time else "never" for time in times)
        words = (row["user"], row["name"], ",".join(row["scopes"]), row["host_id"] or "any")
        drawn.add_row(*map(plain, (row["id"], *words, created, expires, used, row["state"])))
    return drawn
