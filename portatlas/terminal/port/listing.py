"""`port list`: the reservations that hold."""

from django.utils import timezone

from portatlas.reserving import booking_rows
from portatlas.reserving.booking_tally import COUNTED
from portatlas.terminal.port import choice, lines, rows

NAME = "list"
HELP = "List the reservations, by host and port, with how each port stands."
STATUSES = [status.value for status in COUNTED]


def add_arguments(parser):
    choice.add_arguments(parser)
    parser.add_argument(
        "--status",
        action="append",
        choices=STATUSES,
        metavar="STATUS",
        help=f"only these, can be given again: {', '.join(STATUSES)}",
    )
    parser.add_argument(
        "--expired", action="store_true", help="only what has run out, and is released in a moment"
    )
    parser.add_argument("--json", action="store_true", help="each as the API has it")


def run(command, options):
    found = choice.chosen(options, timezone.now(), expired=options["expired"])
    if options["status"]:
        found = found.in_status(*options["status"])
    rows.tell(
        command,
        options,
        found,
        as_json=booking_rows.as_json,
        table=lines.table,
        nothing="No reservation is as asked.",
    )
