"""`port request`: free ports for a project."""

from django.utils import timezone

from portatlas.reserving import booking_rows
from portatlas.reserving.ground import Wanted
from portatlas.reserving.here import ground
from portatlas.terminal.port import key, lines, terms
from portatlas.terminal.port.performer import add_argument as add_performer
from portatlas.terminal.port.performer import performer
from portatlas.terminal.port.span import a_port, a_range

NAME = "request"
HELP = "Find free ports and reserve them for a project, all or none: one a line, and nothing else."


def add_arguments(parser):
    parser.add_argument("--project", required=True, help="who asks")
    parser.add_argument("--count", type=int, default=1, metavar="N", help="how many (default: 1)")
    parser.add_argument(
        "--range", metavar="A-B", help="of these ports (default: PORTATLAS_PORT_RANGE, or by rules)"
    )
    parser.add_argument("--adjacent", action="store_true", help="in a row")
    parser.add_argument(
        "--near", metavar="PORT", help="those nearest to this one (default: lowest)"
    )
    key.add_place(parser)
    terms.add_arguments(parser)
    add_performer(parser)
    parser.add_argument(
        "--json", action="store_true", help="print the reservations as the API has them"
    )


def run(command, options):
    now = timezone.now()
    wanted = Wanted(
        options["project"],
        count=options["count"],
        within=a_range("--range", options["range"]),
        near=a_port("--near", options["near"]),
        adjacent=options["adjacent"],
    )
    reserved = ground().request(
        key.place(options),
        wanted,
        terms.said(options, now),
        by=performer(command, options),
        at=now,
    )
    if options["json"]:
        command.say(lines.as_text([booking_rows.given(each) for each in reserved]))
    else:
        command.say("".join(f"{each.port}\n" for each in reserved))
