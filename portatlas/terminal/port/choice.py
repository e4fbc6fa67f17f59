"""Which reservations are meant, by options: those that hold, of a project, a host, a tag."""

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from portatlas.contexts.reservations.models import Protocol
from portatlas.models import Booking
from portatlas.querysets import has_tag
from portatlas.terminal.port import rows

COLUMNS = {"project": "project", "host": "host_id", "protocol": "protocol"}


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--project", help="only of this project")
    parser.add_argument("--host", help="only of this host, '*' for those of every host")
    parser.add_argument("--protocol", choices=Protocol.values, help="only of this protocol")
    parser.add_argument("--tag", help="only what has this tag")
    rows.add_limit(parser)


def chosen(options: dict[str, Any], now: datetime, *, expired: bool = False) -> QuerySet:
    """Return the reservations that are chosen, with their status: what holds, or has run out."""
    every = Booking.objects.with_status(now)
    found = (every.run_out(now) if expired else every.holding(now)).filter(
        **{column: options[name] for name, column in COLUMNS.items() if options[name] is not None}
    )
    return found.filter(has_tag(options["tag"])) if options["tag"] else found
