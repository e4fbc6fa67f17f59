"""`port check`: whether a port is free, why it is not, and which is the nearest that is."""

import sys
from collections.abc import Iterator

from django.utils import timezone

from portatlas.contexts.reservations import values
from portatlas.reserving.ground import BOUND, LISTENING
from portatlas.reserving.here import ground
from portatlas.reserving.prospect import Prospect
from portatlas.terminal.exits import Exit
from portatlas.terminal.port import key, lines
from portatlas.terminal.port.performer import add_argument as add_performer
from portatlas.terminal.port.performer import performer

NAME = "check"
HELP = (
    "Tell whether a port may be reserved, and end with 0 if it may, with 5 if it may not: why, and "
    "which is the nearest that is free. A project may have its own."
)
TOLD_OTHERWISE = {BOUND, LISTENING}


def add_arguments(parser):
    key.add_arguments(parser)
    parser.add_argument("--project", default="", help="for this project, by the rules")
    add_performer(parser)
    parser.add_argument("--json", action="store_true", help="answer as the API does")


def run(command, options):
    meant, by = key.read(options["port"], options), performer(command, options)
    prospect = Prospect.of(ground(), meant, options["project"], by=by, at=timezone.now())
    if options["json"]:
        command.say(lines.as_text(prospect.as_json()))
    else:
        lines.show(command, options, *told(prospect))
    if not prospect.is_free:
        sys.exit(Exit.REFUSED)


def told(prospect: Prospect) -> Iterator[str]:
    name = values.named(prospect.found.key)
    if prospect.is_own:
        yield f"{name} is reserved by {prospect.project}, which may renew it."
        return
    yield f"{name} is free." if prospect.is_free else f"{name} is not free."
    yield from (f"  {reason}" for reason in against(prospect))
    remarks = [each for each in prospect.found.obstacles if each not in TOLD_OTHERWISE]
    if remarks:
        yield f"  It is {', '.join(remarks)}: who asks for any port isn't given it."
    if prospect.nearest:
        nearest = "port that is free of that" if prospect.is_free else "free port"
        yield f"The nearest {nearest} is {prospect.nearest}."


def against(prospect: Prospect) -> Iterator[str]:
    """Say why a port can't be reserved."""
    found = prospect.found
    if booking := found.booking:
        elsewhere = booking.host_id != found.key[0]
        where = f" on {values.where(booking.host_id)}" if elsewhere else ""
        until = f" until {lines.minute(booking.expires_at)}" if booking.expires_at else ""
        yield f"It is reserved{where} by {booking.project}{until}."
    if found.port:
        yield f"It is held by {lines.occupant(found.port)}."
    if BOUND in found.obstacles:
        yield f"It is {BOUND}."
    if prospect.refusal:
        yield prospect.refusal
