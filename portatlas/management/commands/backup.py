"""`backup`: write an installation into one file, whoever works with it meanwhile."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.core.management import CommandError
from django.db import connection
from django.utils import timezone

from portatlas.backup import database, words
from portatlas.backup.faults import BackupError, BadFileError
from portatlas.backup.here import here
from portatlas.backup.making import Making
from portatlas.backup.progress import Progress
from portatlas.terminal.door import Door, leave_the_pipe, wrong
from portatlas.terminal.exits import Exit

STANDARD = "-"


class Command(Door):
    help = (
        "Write the database into a file, as it is at one moment, while everything goes on. "
        "The file is a tar, readable by its owner alone; `restore` takes it back."
    )

    def add_arguments(self, parser):
        parser.add_argument("file", metavar="FILE", help="where to; - for standard output")
        parser.add_argument("--force", action="store_true", help="replace FILE if it is there")
        parser.add_argument(
            "--with-secrets",
            action="store_true",
            help="put the secret key in, which the secrets of channels are encrypted with",
        )

    def handle(self, *, file, force, with_secrets, **options):
        with in_one_line() as progress:
            making = Making(
                database.of(connection, settings.DATA_DIR),
                here(),
                timezone.now(),
                with_secrets,
                progress,
            )
            if file == STANDARD:
                with ending_the_pipe():
                    made = making.into_pipe(standard_output())
            else:
                made = making.into_file(Path(file), force=force)
        name = "The backup" if file == STANDARD else file
        for line in words.made(name, made, here().key_place):
            self.warn(line)


@contextmanager
def in_one_line() -> Iterator[Progress]:
    """Show how far it is, and end in one line and with an exit code if it can't be done."""
    progress = Progress(sys.stderr)
    try:
        try:
            yield progress
        finally:
            progress.end()
    except BadFileError as exc:
        raise wrong(str(exc)) from exc
    except BackupError as exc:
        raise CommandError(str(exc), returncode=Exit.FAILED) from exc
    except OSError as exc:  # a full disk, somebody else's folder, a reader that has gone
        of = f" ({exc.filename})" if exc.filename else ""
        raise CommandError(
            f"{exc.strerror}{of}. Nothing was replaced, and nothing is left half done: "
            "look at the disk and at who may write there, and say it again.",
            returncode=Exit.FAILED,
        ) from exc


@contextmanager
def ending_the_pipe() -> Iterator[None]:
    """Let what a full or closed pipe did not take go nowhere: Python would try it once more."""
    try:
        yield
    except OSError:
        leave_the_pipe()
        raise


def standard_output() -> BinaryIO:
    if sys.stdout.isatty():
        raise wrong("A backup is no text for a terminal: name a file, or lead it into a pipe.")
    return sys.stdout.buffer
