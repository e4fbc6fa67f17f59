"""What the commands for people and scripts have in common: how they end, and what they print to."""

import os
import sys
from argparse import RawDescriptionHelpFormatter
from pathlib import Path
from typing import NoReturn

from django.core.management import BaseCommand, CommandError
from django.core.management.base import DjangoHelpFormatter
from django.db import DatabaseError

from collector.text import safe
from portatlas.terminal.exits import TOLD, Exit
from portatlas.terminal.screen import LONGEST, WHEN, Screen, take_any_character

NOT_PREPARED = ("no such table", "no such column", "does not exist")


class Formatter(DjangoHelpFormatter, RawDescriptionHelpFormatter):
    """Keeps the lines of the table of exit codes."""


class Door(BaseCommand):
    """
    A command whose exit codes are those of `exits.Exit`.

    Errors end in one line on standard error: what, why, and what to do. Whoever stops reading,
    as `| head` does, has seen enough, and that is no error.
    """

    requires_system_checks = ()  # they are for developers, and cost a start half a second
    suppressed_base_arguments = frozenset(
        {"--version", "--verbosity", "--settings", "--pythonpath", "--traceback"}
        | {"--no-color", "--force-color", "--skip-checks"}
    )

    def create_parser(self, prog_name, subcommand, **kwargs):
        kwargs |= {"epilog": TOLD, "formatter_class": Formatter}
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.add_argument(
            "--color",
            choices=WHEN,
            default="auto",
            help="auto (the default): colours on a terminal, unless NO_COLOR is set",
        )
        return parser

    def run_from_argv(self, argv):
        take_any_character()
        super().run_from_argv(argv)

    def execute(self, *args, **options):
        refuse_broken_text(options)
        try:
            super().execute(*args, **options)
            self.stdout.flush()
        except BrokenPipeError:
            leave_the_pipe()
        except DatabaseError as exc:
            raise CommandError(in_words(exc), returncode=Exit.FAILED) from exc
        except CommandError as exc:
            exc.args = ("\n".join(safe(line, LONGEST) for line in str(exc).split("\n")),)
            raise

    def screen(self, options: dict) -> Screen:
        when = options["color"]
        if when == "auto" and (options["no_color"] or options["force_color"]):
            when = "never" if options["no_color"] else "always"  # as Django's commands say it
        return Screen(self.stdout, when)

    def say(self, text: str) -> None:
        """Print what ends in a line break already."""
        self.stdout.write(text, ending="")

    def warn(self, text: str) -> None:
        """Say something beside what is printed, in one line."""
        self.stdout.flush()
        self.stderr.write(safe(text, LONGEST))

    def nothing(self, why: str) -> NoReturn:
        """End because nothing is as asked."""
        self.warn(why)
        sys.exit(Exit.NOTHING)


def refuse_broken_text(options: dict) -> None:
    """Refuse what is no text before a database sees it: bytes of another encoding, a NUL."""
    for value in options.values():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and (
                "\x00" in text or (not text.isascii() and _is_broken(text))
            ):
                raise wrong(f"{safe(text, 60)} is no UTF-8 text.")


def _is_broken(text: str) -> bool:
    return any("\ud800" <= each <= "\udfff" for each in text)


def program() -> str:
    """Return how the atlas is called here, for sentences that say what to run."""
    return "portatlas" if Path(sys.argv[0]).name == "portatlas" else "python3 manage.py"


def in_words(exc: DatabaseError) -> str:
    """Say why the database can't be used, and what to do about it."""
    why = str(exc).strip().partition("\n")[0].rstrip(".")
    if any(words in why for words in NOT_PREPARED):
        return f"The database can't be used: {why}. Run {program()} migrate first."
    return (
        f"The database can't be used: {why}. "
        "Look at DATABASE_URL, and at the folder that PORTATLAS_DATA names."
    )


def wrong(text: str) -> CommandError:
    """Return the error for a value that makes no sense."""
    return CommandError(text, returncode=Exit.USAGE)


def leave_the_pipe() -> None:
    """Let what is still to be flushed go nowhere: the reader has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
