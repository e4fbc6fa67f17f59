"""`port list`: the reservations that hold."""

from django.db.models import QuerySet
from django.utils import timezone

from portatlas import booking_rows
from portatlas.bookings import Status
from portatlas.contexts.reservations.models import Protocol
from portatlas.models import Booking
from portatlas.querysets import has_tag
from portatlas.terminal.door import wrong
from portatlas.terminal.port import lines
from portatlas.terminal.screen import prose

NAME = "list"
HELP = "List the reservations, by host and port, with how each port stands."
STATUSES = [status.value for status in Status if status != Status.FREE]
MOST = 1_000  # reservations of a table, unless somebody wants more


def add_arguments(parser):
    parser.add_argument("--project", help="only of this project")
    parser.add_argument("--host", help="only of this host, '*' for those of every host")
    parser.add_argument("--protocol", choices=Protocol.values, help="only of this protocol")
    parser.add_argument(
        "--status",
        action="append",
        choices=STATUSES,
        metavar="STATUS",
        help=f"only these, can be given again: {', '.join(STATUSES)}",
    )
    parser.add_argument("--tag", help="only what has this tag")
    parser.add_argument(
        "--expired", action="store_true", help="only what has run out, and is released in a moment"
    )
    parser.add_argument(
        "--limit", type=int, metavar="N", help=f"so many at most (of a table: {MOST:,})"
    )
    parser.add_argument("--json", action="store_true", help="each as the API has it")


def run(command, options):
    limit = options["limit"]
    if limit is not None and not 1 <= limit <= 10_000_000:
        raise wrong("--limit takes a number from 1 on.")
    most = MOST if limit is None and not options["json"] else limit
    bookings = list(asked(options, timezone.now())[: most and most + 1])
    is_cut, bookings = most is not None and len(bookings) > most, bookings[:most]
    if options["json"]:
        command.say(lines.as_text([booking_rows.as_json(each) for each in bookings]))
    elif bookings:
        screen = command.screen(options)
        more = f"There are more than {most:,}; --limit lists them."
        said = ["", prose(more, "dim")] if is_cut else []
        command.say(screen.text(lines.table(bookings), *said))
    if not bookings:
        command.nothing("No reservation is as asked.")


def asked(options, now) -> QuerySet:
    """Return the reservations that are chosen, with their status."""
    chosen = {"project": "project", "host": "host_id", "protocol": "protocol"}
    found = Booking.objects.with_status(now).filter(
        **{column: options[name] for name, column in chosen.items() if options[name] is not None}
    )
    run_out = {"expires_at__lte": now}
    found = found.filter(**run_out) if options["expired"] else found.exclude(**run_out)
    if options["status"]:
        found = found.in_status(*options["status"])
    if options["tag"]:
        found = found.filter(has_tag(options["tag"]))
    return found
