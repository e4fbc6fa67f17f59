"""`port stale`: reservations that nobody uses."""

from django.utils import timezone

from portatlas.bookings import UNUSED, Status
from portatlas.moment import iso
from portatlas.reserving import booking_rows
from portatlas.terminal.port import choice, lines, rows
from portatlas.terminal.screen import plain

NAME = "stale"
HELP = f"List what nobody has used or renewed for {UNUSED.days} days, the longest first."


def add_arguments(parser):
    choice.add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="each as the API has it, and the days")


def run(command, options):
    now = timezone.now()
    found = choice.chosen(options, now).in_status(Status.STALE).with_idle_since()
    rows.tell(
        command,
        options,
        found.order_by("idle_since", "pk"),
        as_json=lambda booking: as_json(booking, now),
        table=lambda bookings: table(bookings, now),
        nothing="No reservation is stale.",
    )


def days(booking, now) -> int:
    return (now - booking.idle_since).days


def as_json(booking, now) -> dict:
    idle = {"idle_since": iso(booking.idle_since), "idle_days": days(booking, now)}
    return booking_rows.as_json(booking) | idle


def table(bookings, now):
    drawn = lines.new_table("days", "port", "host", "project", "by", "reserved", "what")
    for each in bookings:
        drawn.add_row(
            plain(days(each, now), "yellow"),
            plain(f"{each.port}/{each.protocol}", "bold"),
            plain(each.host_id, longest=lines.LONGEST),
            plain(each.project, longest=lines.LONGEST),
            plain(each.requested_by, longest=lines.LONGEST),
            plain(f"{each.reserved_at:%F}"),
            plain(each.description, "dim", lines.LONGEST),
        )
    return drawn
