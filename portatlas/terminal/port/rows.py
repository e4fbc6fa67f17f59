"""Many rows: as a table of those that come first, or as JSON; as many as are asked for."""

import json
from argparse import ArgumentParser
from collections.abc import Callable, Iterable
from typing import Any

from django.db.models import QuerySet
from rich.table import Table

from portatlas.terminal.door import Door, wrong
from portatlas.terminal.port import lines

MOST = 1_000  # lines of a table, unless somebody wants more
MOST_AT_ALL = 10_000_000
CHUNK = 1_000  # that are in memory at once where all are told


def add_limit(parser: ArgumentParser, usual: int = MOST) -> None:
    parser.add_argument(
        "--limit", type=int, metavar="N", help=f"so many at most (of a table: {usual:,})"
    )


def tell(  # noqa: PLR0913  # how a row is told in each of two ways, and what if there is none
    command: Door,
    options: dict[str, Any],
    rows: QuerySet,
    *,
    as_json: Callable[[Any], object],
    table: Callable[[list], Table],
    nothing: str,
    usual: int = MOST,
) -> None:
    """Print rows, and end the command where there are none. As JSON they are never all at hand."""
    if options["json"]:
        every = rows[: limit(options)].iterator(chunk_size=CHUNK)
        is_any = say_array(command, map(as_json, every))
    else:
        found, rest = limited(rows, options, usual)
        if is_any := bool(found):
            lines.show(command, options, table(found), rest=rest)
    if not is_any:
        command.nothing(nothing)


def limit(options: dict[str, Any]) -> int | None:
    """Return how many are asked for, None for all. Raises CommandError if that is no number."""
    if options["limit"] is not None and not 1 <= options["limit"] <= MOST_AT_ALL:
        raise wrong("--limit takes a number from 1 on.")
    return options["limit"]


def limited(rows: QuerySet, options: dict[str, Any], usual: int = MOST) -> tuple[list, str]:
    """Return as many as are to be told, and what is to be said of the rest, "" if all are."""
    most = limit(options) or (None if options["json"] else usual)
    found = list(rows[: most and most + 1])
    if most is None or len(found) <= most:
        return found, ""
    return found[:most], f"There are more than {most:,}; --limit N lists them."


def say_array(command: Door, values: Iterable[object]) -> bool:
    """Print values as an array of JSON, each on a line, as they come; return whether any came."""
    count = 0
    for count, value in enumerate(values, 1):
        command.say(("[\n" if count == 1 else ",\n") + json.dumps(value))
    command.say("\n]\n" if count else "[]\n")
    return bool(count)
