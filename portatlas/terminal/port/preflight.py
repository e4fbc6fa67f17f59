"""`port preflight`: whether a compose file can be deployed, as far as its ports are concerned."""

import sys
from pathlib import Path

from django.conf import settings
from django.core.management import CommandError
from django.utils import timezone

from notes.exchange import formats
from notes.exchange.faults import BadFileError
from portatlas.contexts.reservations.values import EVERY_HOST
from portatlas.reserving import preflight
from portatlas.reserving.preflight import in_words
from portatlas.terminal.door import wrong
from portatlas.terminal.exits import Exit
from portatlas.terminal.port import lines
from portatlas.terminal.port.performer import add_argument as add_performer
from portatlas.terminal.port.performer import performer
from portatlas.terminal.screen import prose

NAME = "preflight"
HELP = (
    "Tell before a deploy which ports of a compose file are held, reserved by another project, "
    "somebody else's by the rules, or published twice; ends with 5 if there are any."
)
STANDARD = "-"
MOST_REMARKS = 20


def add_arguments(parser):
    parser.add_argument("file", metavar="FILE", help="compose.yaml; - for standard input")
    parser.add_argument("--host", default="", help="where it is deployed (default: this host)")
    parser.add_argument(
        "--project",
        default="",
        help="whose reservations are its own (default: the name in FILE, or of its folder)",
    )
    add_performer(parser)
    parser.add_argument("--json", action="store_true", help="print conflicts and remarks as JSON")


def run(command, options):
    here, file = settings.PORTATLAS_HOST_ID, options["file"]
    host_id = options["host"] or here
    if host_id == EVERY_HOST:
        raise wrong("--host: a compose file is deployed on one host: say which.")
    try:
        plan = preflight.read(
            formats.decode(contents(file)),
            host_id,
            folder=Path(file).resolve().parent.name if file != STANDARD else Path.cwd().name,
            project=options["project"],
        )
    except BadFileError as exc:
        raise wrong(f"{file}: {' '.join(exc.lines)}") from exc
    by = performer(command, options)
    found = preflight.conflicts(plan, here=here, by=by, at=timezone.now())
    if options["json"]:
        command.say(lines.as_text(told(plan, found)))
    else:
        said = [prose(in_words(each, host_id)) for each in found]
        command.say(command.screen(options).text(*said) if said else "")
        for line, text in plan.remarks[:MOST_REMARKS]:
            command.warn(f"line {line}: {text}" if line else text)
        if not found:
            command.say(f"Nothing is in the way of {counted(plan)}.\n")
    if found:
        raise CommandError(
            f"{len(found)} {'conflict' if len(found) == 1 else 'conflicts'} for {counted(plan)}.",
            returncode=Exit.REFUSED,
        )


def contents(file: str) -> bytes:
    """Return what a file has, a byte more than may be read at most. Raises CommandError."""
    most = formats.MOST_BYTES + 1
    if file == STANDARD:
        return sys.stdin.buffer.read(most)
    try:
        with Path(file).open("rb") as source:
            return source.read(most)
    except OSError as exc:
        raise wrong(f"{file} can't be read: {exc.strerror}.") from exc


def counted(plan) -> str:
    number = len(plan.wishes)
    return f"{number} {'port' if number == 1 else 'ports'} of {plan.project} on {plan.host_id}"


def told(plan, found) -> dict:
    return {
        "host_id": plan.host_id,
        "project": plan.project,
        "ports": len(plan.wishes),
        "conflicts": [
            {
                "line": each.wish.port.line,
                "service": each.wish.service,
                "address": each.wish.port.host_ip,
                "protocol": each.wish.port.protocol,
                "port": each.wish.port.port,
                "why": each.why.value,
                "text": in_words(each, plan.host_id),
            }
            for each in found
        ],
        "remarks": [{"line": line, "text": text} for line, text in plan.remarks],
    }
