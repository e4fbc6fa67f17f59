"""`port renew`: a reservation that goes on, on the terms that are said now."""

from django.utils import timezone

from portatlas.reserving import booking_rows
from portatlas.reserving.here import ground
from portatlas.terminal.port import key, lines, terms
from portatlas.terminal.port.performer import add_argument as add_performer
from portatlas.terminal.port.performer import performer

NAME = "renew"
HELP = (
    "Renew a reservation, so that it is not stale, and change what is said of it. What isn't said "
    "stays as it is; '' clears it."
)


def add_arguments(parser):
    key.add_arguments(parser)
    parser.add_argument("--project", help="whose it is from now on")
    terms.add_arguments(parser)
    add_performer(parser)
    parser.add_argument(
        "--json", action="store_true", help="print the reservation as the API has it"
    )


def run(command, options):
    now = timezone.now()
    reservation = ground().renew(
        key.read(options["port"], options),
        terms.said(options, now),
        by=performer(command, options),
        at=now,
    )
    if options["json"]:
        command.say(lines.as_text(booking_rows.written(reservation, now)))
    else:
        lines.show(command, options, lines.sentence("Renewed", reservation))
