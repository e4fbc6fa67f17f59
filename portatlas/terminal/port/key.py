"""Which port is meant: what isn't said is this host, and TCP."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError

from portatlas.contexts.reservations import values
from portatlas.contexts.reservations.models import Protocol
from portatlas.contexts.reservations.querysets import Place
from portatlas.contexts.reservations.services import Key
from portatlas.terminal.door import wrong
from portatlas.terminal.target import FORMS, Target


def add_arguments(parser: ArgumentParser, nargs: str | None = None) -> None:
    parser.add_argument("port", metavar="PORT", nargs=nargs, help=FORMS)
    add_place(parser)


def add_place(parser: ArgumentParser) -> None:
    parser.add_argument("--host", default="", help="the host, '*' for every host (default: this)")
    parser.add_argument("--protocol", choices=Protocol.values, default="", help="(default: tcp)")


def read(text: str, options: dict[str, Any]) -> Key:
    """Return the port that a text and the options name. Raises CommandError if it is none."""
    try:
        target = Target.parse(text, host_id=options["host"], protocol=options["protocol"])
    except ValueError as exc:
        raise wrong(str(exc)) from exc
    return *_place(target.host_id, target.protocol), target.port


def place(options: dict[str, Any]) -> Place:
    """Return where ports are meant that the options do not name. Raises CommandError."""
    return _place(options["host"], options["protocol"])


def _place(host_id: str, protocol: str) -> Place:
    try:
        values.host_name(host_id or settings.PORTATLAS_HOST_ID)
    except ValidationError as exc:
        raise wrong(f"--host: {exc.message}") from exc
    return Place(host_id or settings.PORTATLAS_HOST_ID, protocol or Protocol.TCP.value)
