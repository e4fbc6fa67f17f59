"""`port`: who may take which port, and a free one for who asks."""

from argparse import SUPPRESS

from django.core.exceptions import ValidationError
from django.core.management import CommandError

from collector.text import safe
from portatlas.contexts.reservations.services import NotReservedError, RefusedError
from portatlas.terminal.door import Door, Formatter, wrong
from portatlas.terminal.exits import TOLD, Exit
from portatlas.terminal.port import terms
from portatlas.terminal.port.subcommands import SUBCOMMANDS
from portatlas.terminal.screen import LONGEST, WHEN

BY_NAME = {each.NAME: each for each in SUBCOMMANDS}


class Command(Door):
    help = "Reserve ports, find free ones, and tell who has reserved which."

    def add_arguments(self, parser):
        actions = parser.add_subparsers(dest="action", required=True, metavar="SUBCOMMAND")
        for each in SUBCOMMANDS:
            subparser = actions.add_parser(
                each.NAME,
                help=each.HELP,
                description=each.HELP,
                epilog=TOLD,
                formatter_class=Formatter,
            )
            subparser.add_argument("--color", choices=WHEN, default=SUPPRESS, help=SUPPRESS)
            each.add_arguments(subparser)

    def handle(self, *, action, **options):
        try:
            BY_NAME[action].run(self, options)
        except NotReservedError as exc:
            self.nothing(str(exc))
        except RefusedError as exc:
            raise CommandError(safe(str(exc), LONGEST), returncode=Exit.REFUSED) from exc
        except ValidationError as exc:
            raise wrong(safe(terms.errors(exc), LONGEST)) from exc
