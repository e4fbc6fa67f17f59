"""`port show`: all that is known of one reservation."""

import json

from django.utils import timezone
from rich.table import Table

from collector.models import PortRuntime
from portatlas.contexts.reservations import services
from portatlas.contexts.reservations.models import Reservation
from portatlas.contexts.reservations.values import EVERY_HOST, named
from portatlas.models import Booking
from portatlas.reserving import booking_rows
from portatlas.terminal.port import key, lines
from portatlas.terminal.screen import plain, prose

NAME = "show"
HELP = "Tell all about the reservation of a port, and what listens there."
MOST = 10  # hosts on which it is told who listens


def add_arguments(parser):
    key.add_arguments(parser)
    parser.add_argument(
        "--json", action="store_true", help="print the reservation as the API has it"
    )


def run(command, options):
    host_id, protocol, port = meant = key.read(options["port"], options)
    now = timezone.now()
    found = Booking.objects.with_status(now).filter(
        host_id__in=[host_id, EVERY_HOST], protocol=protocol, port=port
    )
    booking = found.holding(now).first()
    if booking is None:
        command.nothing(services.not_reserved(meant, now))
    if options["json"]:
        command.say(lines.as_text(booking_rows.as_json(booking)))
        return
    listening = PortRuntime.objects.filter(
        current_state="active", protocol=protocol, port=port
    ).order_by("host_id")
    if host_id != EVERY_HOST:
        listening = listening.filter(host=host_id)
    heading = f"{named(booking.key)}: {booking.status.value}, {booking.status.meaning}"
    rows = sheet(booking) + [("listens", lines.occupant(each)) for each in listening[:MOST]]
    lines.show(command, options, prose(heading, "bold"), grid(rows))


def sheet(booking: Reservation) -> list[tuple[str, str]]:
    """Return what a reservation says, each with its name."""
    said = (
        ("project", booking.project),
        ("what", booking.description),
        ("for", lines.holder(booking)),
        ("tags", ", ".join(booking.tags)),
        ("metadata", json.dumps(booking.metadata, ensure_ascii=False) if booking.metadata else ""),
        ("reserved", lines.minute(booking.reserved_at)),
        ("by", booking.requested_by),
        ("renewed", lines.minute(booking.renewed_at)),
        ("until", lines.minute(booking.expires_at)),
        ("ends", "when its program has ended" if booking.auto_release else ""),
    )
    return [(label, text) for label, text in said if text]


def grid(rows: list[tuple[str, str]]) -> Table:
    drawn = Table.grid(padding=(0, 2, 0, 0))
    for label, text in rows:
        drawn.add_row(plain(label, "dim"), prose(text))
    return drawn
