"""`port run`: a command on ports that are its own as long as it runs."""

import json
import sys

from django.utils import timezone

from portatlas.contexts.reservations.models import Protocol
from portatlas.contexts.reservations.values import named
from portatlas.reserving import booking_rows, leasing
from portatlas.reserving.ground import Wanted
from portatlas.reserving.here import ground
from portatlas.terminal.door import wrong
from portatlas.terminal.port.performer import add_argument as add_performer
from portatlas.terminal.port.performer import performer
from portatlas.terminal.port.span import a_port, a_range

NAME = "run"
HELP = (
    "Run a command on free ports of this host, which it finds in $PORT; they are released when it "
    "ends. Ends with its exit code (128 and the signal that ended it), 126 or 127 where it can't "
    "be run, else with one of those below."
)


def add_arguments(parser):
    parser.add_argument("--request", required=True, metavar="NAME", help="what the ports are for")
    parser.add_argument("--project", help="whose they are (default: NAME)")
    parser.add_argument("--count", type=int, default=1, metavar="N", help="how many (default: 1)")
    parser.add_argument(
        "--range", metavar="A-B", help="of these ports (default: PORTATLAS_PORT_RANGE, or by rules)"
    )
    parser.add_argument("--adjacent", action="store_true", help="in a row")
    parser.add_argument(
        "--near", metavar="PORT", help="those nearest to this one (default: lowest)"
    )
    parser.add_argument("--protocol", choices=Protocol.values, default="tcp", help="(default: tcp)")
    parser.add_argument(
        "--env",
        default="PORT",
        metavar="NAME[,NAME…]",
        help="the variables that they are handed over in (default: PORT, PORT_2 …)",
    )
    parser.add_argument(
        "--keep", action="store_true", help="leave them reserved when the command has ended"
    )
    add_performer(parser)
    parser.add_argument(
        "--json",
        action="store_true",
        help="say which ports were leased as the API has them, on standard error, in a line",
    )
    parser.add_argument("argv", nargs="+", metavar="CMD", help="behind --, with its arguments")


def run(command, options):
    name, count = options["request"], options["count"]
    project = options["project"] or name
    wanted = Wanted(
        project,
        count=count,
        within=a_range("--range", options["range"]),
        near=a_port("--near", options["near"]),
        adjacent=options["adjacent"],
    )
    try:
        variables = leasing.names(min(count, 65535), options["env"].split(","))
    except ValueError as exc:
        raise wrong(str(exc)) from exc
    code = leasing.run(
        ground(),
        wanted,
        options["argv"],
        variables=variables,
        protocol=options["protocol"],
        terms={} if name == project else {"description": name},
        keep=options["keep"],
        by=performer(command, options),
        clock=timezone.now,
        begins=lambda leased: tell(command, options, leased, project),
    )
    sys.exit(code)


def tell(command, options, leased, project):
    """Say which ports were leased, where CMD says nothing that a script wants to read."""
    if options["json"]:
        command.stderr.write(json.dumps([booking_rows.given(each) for each in leased]))
        return
    command.warn(f"Leased {', '.join(named(each.key) for each in leased[:20])} for {project}.")
