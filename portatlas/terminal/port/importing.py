"""`port import`: write what a file says, all of it or nothing, with a report of the conflicts."""

import json
import sys
from pathlib import Path

from django.conf import settings
from django.core.management import CommandError
from django.utils import timezone

from portatlas.contexts.reservations.exchange import files, report, services
from portatlas.contexts.reservations.exchange.decoding import MOST_BYTES
from portatlas.contexts.reservations.exchange.faults import BadFileError
from portatlas.contexts.reservations.exchange.services import ConflictsError
from portatlas.terminal.door import wrong
from portatlas.terminal.exits import Exit
from portatlas.terminal.port.performer import add_argument as add_performer
from portatlas.terminal.port.performer import performer
from portatlas.terminal.screen import prose

NAME = "import"
HELP = (
    "Write what a file of `port export` or of Port Keeper says: all of it, or nothing where it "
    "differs from what is reserved. What it doesn't name stays as it is."
)
STANDARD = "-"


def add_arguments(parser):
    parser.add_argument("file", metavar="FILE", help="- for standard input")
    parser.add_argument("--dry-run", action="store_true", help="tell, but write nothing")
    parser.add_argument(
        "--replace", action="store_true", help="let the file win where it differs from ours"
    )
    parser.add_argument(
        "--host",
        help="whose ports they are in a file of Port Keeper's, '*' for all (default: ours)",
    )
    add_performer(parser)
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(command, options):
    file, replace, now = options["file"], options["replace"], timezone.now()
    by = performer(command, options)
    try:
        host_id = options["host"] or settings.PORTATLAS_HOST_ID
        content = files.load(read(file), host_id=host_id)
    except BadFileError as exc:
        if options["json"]:
            faults = [fault._asdict() for fault in exc.faults]
            command.say(as_json({"outcome": "bad file", "faults": faults}))
        name = "Standard input" if file == STANDARD else file
        what = f"{name} can't be taken, and nothing of it was:"
        raise wrong("\n".join([what, *exc.lines])) from exc
    try:
        if options["dry_run"]:
            plan = services.look(content, now)
        else:
            plan = services.write(content, replace=replace, by=by, at=now)
    except ConflictsError as exc:
        plan = exc.plan
    is_refused = bool(plan.conflicts) and not replace
    outcome = "conflicts" if is_refused else "dry run" if options["dry_run"] else "written"
    if options["json"]:
        command.say(as_json(report.as_values(plan, outcome=outcome, replaced=replace)))
    else:
        lines = map(prose, report.lines(plan, replaced=replace))
        command.say(command.screen(options).text(*lines))
    if is_refused:
        why = "Nothing was written: say --replace to let the file win where it differs."
        raise CommandError(why, returncode=Exit.REFUSED)
    if options["dry_run"]:
        command.warn("A dry run: nothing was written.")


def read(file: str) -> bytes:
    """Return what is in a file, one byte more than is taken at the most."""
    try:
        if file == STANDARD:
            return sys.stdin.buffer.read(MOST_BYTES + 1)
        with Path(file).open("rb") as opened:
            return opened.read(MOST_BYTES + 1)
    except OSError as exc:
        raise wrong(f"{file} can't be read: {exc.strerror}.") from exc


def as_json(values: object) -> str:
    return json.dumps(values, indent=2, default=str) + "\n"
