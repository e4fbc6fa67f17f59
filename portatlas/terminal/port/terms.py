"""What one says of a reservation, by options."""

import json
from argparse import ArgumentParser, BooleanOptionalAction
from datetime import datetime
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError

from notes import tags
from portatlas.terminal.door import wrong
from portatlas.terminal.port import expiry

OPTIONS = {
    "project": "--project",
    "description": "--description",
    "tags": "--tags",
    "metadata": "--metadata",
    "expires_at": "--expires",
    "auto_release": "--auto-release",
    "process_name": "--program",
    "user": "--user-name",
    "unit": "--unit",
    "container_name": "--container",
    "pid": "--pid",
    "host_id": "--host",
    "protocol": "--protocol",
    "port": "the port",
    "count": "--count",
}
TEXTS = ("project", "description", "process_name", "user", "unit", "container_name")
LONGEST_PID = 18  # digits, which a database takes for a number


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--description", metavar="TEXT", help="what it is for")
    parser.add_argument("--tags", help="lower-case words between commas or blanks")
    parser.add_argument("--metadata", metavar="JSON", help="an object, as '{\"ticket\": 42}'")
    parser.add_argument(
        "--expires", metavar="WHEN", help=f"when it is released by itself: {expiry.FORMS}"
    )
    parser.add_argument(
        "--auto-release",
        action=BooleanOptionalAction,
        help="release it when the program that used the port has ended",
    )
    whom = parser.add_argument_group("for whom it is: any other that listens there violates it")
    whom.add_argument(
        "--program", dest="process_name", metavar="NAME", help="a program, as the board calls it"
    )
    whom.add_argument("--user-name", dest="user", metavar="NAME", help="a user of the system")
    whom.add_argument("--unit", help="a unit of systemd")
    whom.add_argument("--container", dest="container_name", metavar="NAME", help="a container")
    whom.add_argument(
        "--pid", metavar="N", help="a process of this machine, whose end releases it, and its own"
    )


def said(options: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Return the terms that are said, '' for none. Raises CommandError for what makes no sense."""
    terms = {name: options[name] for name in TEXTS if options.get(name) is not None}
    readers = {
        "tags": ("tags", tags.parse),
        "metadata": ("metadata", _metadata),
        "expires": ("expires_at", lambda text: expiry.read(text, now)),
        "pid": ("pid", _pid),
    }
    for option, (name, read) in readers.items():
        if options[option] is not None:
            try:
                terms[name] = read(options[option])
            except ValueError as exc:
                raise wrong(f"{OPTIONS[name]}: {exc}") from exc
    if options["auto_release"] is not None:
        terms["auto_release"] = options["auto_release"]
    return terms


def errors(invalid: ValidationError) -> str:
    """Say what is wrong, by the options that have to be changed."""
    told = getattr(invalid, "message_dict", None) or {NON_FIELD_ERRORS: invalid.messages}
    return "; ".join(
        f"{OPTIONS[name]}: {' '.join(words)}" if name in OPTIONS else " ".join(words)
        for name, words in ((name, dict.fromkeys(words)) for name, words in told.items())
    )


def _metadata(text: str) -> object:
    try:
        return json.loads(text) if text else {}
    except (ValueError, RecursionError) as exc:
        raise ValueError(f"{text[:60]!a} is no JSON.") from exc


def _pid(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= LONGEST_PID and int(text)):
        raise ValueError(f"{text[:60]!a} is no PID.")
    return int(text)
