"""`port summary`: how many reservations stand how, and what runs on those that are in use."""

from django.utils import timezone

from portatlas.models import Booking
from portatlas.reserving import booking_rows, booking_tally, occupants
from portatlas.terminal.port import lines, rows
from portatlas.terminal.screen import plain, prose

NAME = "summary"
HELP = "Count the reservations by how they stand, and tell what runs on those that are in use."


def add_arguments(parser):
    rows.add_limit(parser)
    parser.add_argument("--json", action="store_true", help="answer in JSON")


def run(command, options):
    now = timezone.now()
    projects = booking_tally.by_project(now)
    every = booking_tally.Counts.of(projects.values())
    active = Booking.objects.with_status(now).holding(now)
    bookings, rest = rows.limited(active.in_status(*booking_tally.ACTIVE), options)
    held = occupants.of(bookings)
    if options["json"]:
        in_use = [
            booking_rows.as_json(each)
            | {"held_by": [occupants.as_json(port) for port in held[each.key]]}
            for each in bookings
        ]
        told = {**every.as_json(), "project_count": len(projects), "in_use": in_use}
        command.say(lines.as_text(told))
        return
    of_projects = f" of {len(projects)} project{'s' * (len(projects) != 1)}" if projects else ""
    head = f"{lines.ports(every.ports)} reserved{of_projects}"
    head += f": {every.sentence}." if projects else "."
    told = ["", table(bookings, held)] if bookings else []
    lines.show(command, options, prose(head, "bold"), *told, rest=rest)


def table(bookings, held):
    drawn = lines.new_table("status", "port", "host", "project", "for", "runs")
    for each in bookings:
        drawn.add_row(
            lines.status(each),
            plain(f"{each.port}/{each.protocol}", "bold"),
            plain(each.host_id, longest=lines.LONGEST),
            plain(each.project, longest=lines.LONGEST),
            plain(lines.holder(each), longest=lines.LONGEST),
            plain(", ".join(map(lines.occupant, held[each.key]))),
        )
    return drawn
