"""`restore`: put what a backup has in the place of what is here, all of it or nothing."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.db import connection
from django.utils import timezone

from portatlas.backup import database, words
from portatlas.backup.faults import BadFileError
from portatlas.backup.here import here
from portatlas.backup.restoring import restore
from portatlas.management.commands.backup import STANDARD, in_one_line
from portatlas.management.commands.up import take_lock
from portatlas.terminal.door import Door, program


class Command(Door):
    help = (
        "Restore a backup, while nothing else runs. It is checked and brought up to date first; "
        "then it takes the place of the database at once, or nothing has changed."
    )

    def add_arguments(self, parser):
        parser.add_argument("file", metavar="FILE", help="what backup wrote; - for standard input")
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="check everything and say what would change; Port Atlas may run",
        )

    def handle(self, *, file, dry_run, **options):
        quiet = nullcontext() if dry_run else nobody_up()
        with in_one_line() as progress, quiet, opened(file) as source:
            done = restore(
                source,
                database.of(connection, settings.DATA_DIR),
                here(),
                at=timezone.now(),
                dry_run=dry_run,
                progress=progress,
            )
        told = words.restored(done, here().key_place, dry_run=dry_run, start=f"{program()} up")
        for line in told:
            self.say(f"{line}\n")


@contextmanager
def nobody_up() -> Iterator[None]:
    """Hold the lock of `up`, so that it neither runs nor starts."""
    lock = take_lock(settings.DATA_DIR / "up.lock")
    try:
        os.pwrite(lock, f"a backup is being restored (process {os.getpid()})\n".encode(), 0)
        yield
    finally:
        os.close(lock)


@contextmanager
def opened(file: str) -> Iterator[BinaryIO]:
    if file == STANDARD:
        yield sys.stdin.buffer
        return
    try:
        source = Path(file).open("rb")  # noqa: SIM115  # a fault in reading is another one
    except OSError as exc:
        raise BadFileError(f"{file} can't be read: {exc.strerror}. Name a backup.") from exc
    with source:
        yield source
