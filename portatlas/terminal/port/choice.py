"""Which reservations are meant, by options: those that hold, of a project, a host, a tag."""

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from portatlas.contexts.reservations.models import Protocol
from portatlas.models import Booking
from portatlas.querysets import has_tag
from portatlas.terminal.door import wrong

COLUMNS = {"project": "project", "host": "host_id", "protocol": "protocol"}
MOST = 1_000  # lines of a table, unless somebody wants more
MOST_AT_ALL = 10_000_000


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--project", help="only of this project")
    parser.add_argument("--host", help="only of this host, '*' for those of every host")
    parser.add_argument("--protocol", choices=Protocol.values, help="only of this protocol")
    parser.add_argument("--tag", help="only what has this tag")
    add_limit(parser)


def add_limit(parser: ArgumentParser, usual: int = MOST) -> None:
    parser.add_argument(
        "--limit", type=int, metavar="N", help=f"so many at most (of a table: {usual:,})"
    )


def chosen(options: dict[str, Any], now: datetime, *, expired: bool = False) -> QuerySet:
    """Return the reservations that are chosen, with their status: what holds, or has run out."""
    every = Booking.objects.with_status(now)
    found = (every.run_out(now) if expired else every.holding(now)).filter(
        **{column: options[name] for name, column in COLUMNS.items() if options[name] is not None}
    )
    return found.filter(has_tag(options["tag"])) if options["tag"] else found


def limited(rows: QuerySet, options: dict[str, Any], usual: int = MOST) -> tuple[list, str]:
    """Return as many as are to be told, and what is to be said of the rest, "" if all are."""
    limit = options["limit"]
    if limit is not None and not 1 <= limit <= MOST_AT_ALL:
        raise wrong("--limit takes a number from 1 on.")
    most = usual if limit is None and not options["json"] else limit
    found = list(rows[: most and most + 1])
    if most is None or len(found) <= most:
        return found, ""
    return found[:most], f"There are more than {most:,}; --limit N lists them."
