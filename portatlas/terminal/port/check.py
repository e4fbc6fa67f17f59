"""`port check`: whether a port is free, why it is not, and which is the nearest that is."""

import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple, Self

from django.utils import timezone

from portatlas import booking_rows, occupants
from portatlas.contexts.reservations import services, values
from portatlas.contexts.reservations.services import Actor, Key
from portatlas.ground import ground
from portatlas.reserving import BOUND, LISTENING, Check
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
    parser.add_argument("--json", action="store_true", help="answer as the API does, and why")


def run(command, options):
    project, by = options["project"], performer(command, options)
    verdict = Verdict.of(key.read(options["port"], options), project, by, timezone.now())
    if options["json"]:
        command.say(lines.as_text(verdict.as_json()))
    else:
        lines.show(command, options, *verdict.told())
    if verdict.reasons:
        sys.exit(Exit.REFUSED)


class Verdict(NamedTuple):
    """Why a port is not to be had, what else speaks against it, and the nearest free one."""

    found: Check
    project: str
    reasons: list[str]
    remarks: list[str]
    nearest: int | None

    @classmethod
    def of(cls, meant: Key, project: str, by: Actor, at: datetime) -> Self:
        land = ground()
        found = land.check(meant, at)
        if found.booking and found.booking.project == project:
            return cls(found, project, [], [], None)
        refused = services.refusal(meant, project, by=by)
        reasons = [*against(found), *([refused] if refused else [])]
        remarks = [each for each in found.obstacles if each not in TOLD_OTHERWISE]
        nearest = land.nearest(meant, by=by, project=project) if reasons or remarks else None
        return cls(found, project, reasons, remarks, nearest)

    def as_json(self) -> dict[str, Any]:
        booking = self.found.booking
        return {
            **dict(zip(booking_rows.KEY, self.found.key, strict=True)),
            "status": self.found.status.value,
            "reservation": booking and booking_rows.as_json(booking),
            "listener": self.found.port and occupants.as_json(self.found.port),
            "obstacles": list(self.found.obstacles),
            "may_reserve": not self.reasons,
            "reasons": self.reasons,
            "nearest": self.nearest,
        }

    def told(self) -> Iterator[str]:
        name = values.named(self.found.key)
        if self.reasons:
            yield f"{name} is not free."
        elif self.found.booking:
            yield f"{name} is reserved by {self.project}, which may renew it."
        else:
            yield f"{name} is free."
        yield from (f"  {reason}" for reason in self.reasons)
        if self.remarks:
            yield f"  It is {', '.join(self.remarks)}: who asks for any port isn't given it."
        if self.nearest:
            yield f"The nearest free port is {self.nearest}."


def against(found: Check) -> list[str]:
    """Say why a port can't be reserved by another project, whatever the rules are."""
    said = []
    if booking := found.booking:
        elsewhere = booking.host_id != found.key[0]
        where = f" on {values.where(booking.host_id)}" if elsewhere else ""
        until = f" until {lines.minute(booking.expires_at)}" if booking.expires_at else ""
        said.append(f"It is reserved{where} by {booking.project}{until}.")
    if found.port:
        said.append(f"It is held by {lines.occupant(found.port)}.")
    if BOUND in found.obstacles:
        said.append(f"It is {BOUND}.")
    return said
