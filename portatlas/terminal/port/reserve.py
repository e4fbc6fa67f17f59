"""`port reserve`: take this port for a project."""

from django.utils import timezone

from portatlas.contexts.reservations.models import Reservation
from portatlas.reserving import booking_rows
from portatlas.reserving.here import ground
from portatlas.terminal.port import key, lines, terms
from portatlas.terminal.port.performer import add_argument as add_performer
from portatlas.terminal.port.performer import performer

NAME = "reserve"
HELP = "Reserve a port for a project. What that project has already is renewed."


def add_arguments(parser):
    key.add_arguments(parser)
    parser.add_argument("--project", required=True, help="whose it is to be")
    parser.add_argument(
        "--even-if-held", action="store_true", help="though a program has the port just now"
    )
    terms.add_arguments(parser)
    add_performer(parser)
    parser.add_argument(
        "--json", action="store_true", help="print the reservation as the API has it"
    )


def run(command, options):
    now = timezone.now()
    host_id, protocol, port = key.read(options["port"], options)
    said = terms.said(options, now)
    reservation = ground().reserve(
        Reservation(host_id=host_id, protocol=protocol, port=port, **said),
        by=performer(command, options),
        at=now,
        even_if_held=options["even_if_held"],
    )
    if options["json"]:
        command.say(lines.as_text(booking_rows.written(reservation, now)))
    else:
        verb = "Renewed" if reservation.renewed_at else "Reserved"
        lines.show(command, options, lines.sentence(verb, reservation))
