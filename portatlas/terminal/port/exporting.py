"""`port export`: what is reserved, the rules and the history, in a file that `import` takes."""

import sys
from collections.abc import Iterable
from pathlib import Path

from django.core.management import CommandError
from django.utils import timezone

from portatlas.backup import disk
from portatlas.backup.faults import BadFileError
from portatlas.backup.workspace import workspace
from portatlas.contexts.reservations.exchange import document, services
from portatlas.contexts.reservations.exchange.decoding import MOST_BYTES
from portatlas.terminal.door import leave_the_pipe, wrong
from portatlas.terminal.exits import Exit
from portatlas.terminal.port.lines import as_text

NAME = "export"
HELP = "Write reservations, rules and history as JSON into a file that `port import` takes."
STANDARD = "-"


def add_arguments(parser):
    parser.add_argument(
        "file", metavar="FILE", nargs="?", default=STANDARD, help="(default: -, standard output)"
    )
    parser.add_argument("--project", help="only what this project has, its rules and its history")
    parser.add_argument("--no-history", action="store_true", help="leave the history out")
    parser.add_argument(
        "--json", action="store_true", help="say as JSON what FILE has; without FILE it is JSON"
    )
    parser.add_argument("--force", action="store_true", help="replace FILE if it is there")


def run(command, options):
    file, force = options["file"], options["force"]
    try:
        if file != STANDARD:
            disk.refuse_taken(Path(file), force=force)
        content = services.collect(
            project=options["project"], with_history=not options["no_history"]
        )
        lines = document.written(content, timezone.now())
        if file == STANDARD:
            into_pipe(lines)
            return
        into_file(Path(file), lines, force=force)
    except BadFileError as exc:
        raise wrong(str(exc)) from exc
    except BrokenPipeError:
        raise
    except OSError as exc:
        if file == STANDARD:
            leave_the_pipe()
        name = "Standard output" if file == STANDARD else file
        why = f"{name} can't be written: {exc.strerror}. Nothing was replaced."
        raise CommandError(why, returncode=Exit.FAILED) from exc
    if options["json"]:
        counts = {"reservations": len(content.reservations), "rules": len(content.rules)}
        command.say(as_text({"file": file, **counts}))
    else:
        command.warn(f"Reservations in {file}: {len(content.reservations)}.")
    if Path(file).stat().st_size > MOST_BYTES:
        most = MOST_BYTES // 1024**2
        command.warn(
            f"It has more than the {most} MiB that `port import` takes: say --no-history, "
            "or --project for a file for each."
        )


def into_pipe(lines: Iterable[str]) -> None:
    """Write UTF-8, whatever the encoding of the terminal is: another would be no JSON."""
    sys.stdout.flush()
    for line in lines:
        sys.stdout.buffer.write(line.encode())
    sys.stdout.buffer.flush()


def into_file(file: Path, lines: Iterable[str], *, force: bool) -> None:
    """Write it into a file (0600), whole or not at all; `force` replaces one, in the end."""
    with workspace(file.parent) as aside:
        whole = aside / "export"
        with open(whole, "xb", opener=disk.private) as out:
            out.writelines(line.encode() for line in lines)
        disk.keep(whole)
        disk.refuse_taken(file, force=force)
        disk.rename(whole, file)
