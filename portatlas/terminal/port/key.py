"""Which port is meant: what isn't said is this host, and TCP."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings

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
    host_id = target.host_id or settings.PORTATLAS_HOST_ID
    return host_id, target.protocol or Protocol.TCP.value, target.port


def place(options: dict[str, Any]) -> Place:
    return Place(
        options["host"] or settings.PORTATLAS_HOST_ID, options["protocol"] or Protocol.TCP.value
    )
