"""
The file: what is reserved, the rules, and the history, one of each a line.

The same state is the same file, but for `exported_at`: rows stand in the order of their keys, the
history in the order in which it was written, and names within metadata in theirs.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from json import JSONEncoder
from operator import itemgetter
from typing import Any, NamedTuple

from portatlas.contexts.reservations.exchange import rows
from portatlas.contexts.reservations.exchange.faults import MOST, BadFileError, Fault
from portatlas.contexts.reservations.exchange.plan import key
from portatlas.contexts.reservations.exchange.rows import Kind, Row
from portatlas.contexts.reservations.models.reservation import PROCESS_OF_NONE
from portatlas.contexts.reservations.values import EVERY_HOST, named

FORMAT = "portatlas-reservations"
VERSION = 1
MOST_RULES = 10_000  # which are held against each reservation
ENCODER = JSONEncoder(ensure_ascii=False, sort_keys=True, allow_nan=False)
MEMBERS = ("format", "version", "exported_at", "reservations", "rules", "history")


class Document(NamedTuple):
    """What a file says; without a history it tells none. `remarks` are about how it was read."""

    reservations: list[Row]
    rules: list[Row]
    history: Iterable[Row] | None
    remarks: tuple[str, ...] = ()


def written(document: Document, exported_at: datetime) -> Iterator[str]:
    """Yield the lines of a file, each with its end; a history is read as it is written."""
    yield "{\n"
    head = {"format": FORMAT, "version": VERSION, "exported_at": exported_at}
    for name, value in head.items():
        yield f'  "{name}": {_said(value)},\n'
    lists = {"reservations": document.reservations, "rules": document.rules}
    if document.history is not None:
        lists["history"] = document.history
    for number, (name, each) in enumerate(lists.items(), 1):
        yield f'  "{name}": ['
        before = "\n"
        for row in each:
            yield f"{before}    {_line(row)}"
            before = ",\n"
        end = "]" if before == "\n" else "\n  ]"
        yield f"{end},\n" if number < len(lists) else f"{end}\n"
    yield "}\n"


def read(said: Any) -> Document:
    """
    Return the document that the values of a file are, every one of them checked.

    Raises BadFileError, which names the places.
    """
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        raise BadFileError.at("", f'This is no export of reservations: "format" is not "{FORMAT}".')
    _check_version(said.get("version"))
    faults = [Fault(name[:50], "this is not known here.") for name in said if name not in MEMBERS]
    reservations = read_rows("reservations", said, rows.RESERVATION, faults)
    rules = read_rows("rules", said, rows.RULE, faults)
    history = read_rows("history", said, rows.LINE, faults) if "history" in said else None
    return checked(reservations, rules, history, faults)


def checked(
    reservations: Iterable[tuple[str, Row]],
    rules: Sequence[tuple[str, Row]],
    history: Iterable[tuple[str, Row]] | None,
    faults: list[Fault],
) -> Document:
    """Return what was read, with its places, if it goes together. Raises BadFileError."""
    faults += _meetings(reservations)
    faults += _leases_of_every_host(reservations)
    faults += _wrong_rules(rules)
    if faults:
        raise BadFileError(faults)
    return Document(
        sorted(map(itemgetter(1), reservations), key=key),
        [row for _place, row in rules],
        history if history is None else sorted(map(itemgetter(1), history), key=itemgetter("at")),
    )


def read_rows(
    name: str, said: dict[str, Any], kind: Kind, faults: list[Fault]
) -> list[tuple[str, Row]]:
    """Return the rows of a list, each with its place. They end where there are faults enough."""
    raw = said.get(name)
    if not isinstance(raw, list):
        faults.append(Fault(name, "a list was expected."))
        return []
    found = []
    for index, each in enumerate(raw):
        if len(faults) >= MOST:
            break
        place = f"{name}[{index}]"
        row = kind.read(place, each, faults)
        if row is not None:
            found.append((place, row))
    return found


def _check_version(version: Any) -> None:
    if type(version) is int and version == VERSION:
        return
    why = f"{VERSION} is the only one known here."
    if type(version) is int and version > VERSION:
        why += " A newer Port Atlas wrote it: update this one, and import it then."
    raise BadFileError.at("version", why)


def _meetings(reservations: Iterable[tuple[str, Row]]) -> Iterator[Fault]:
    """Yield what can't be reserved beside another: the same port, its own and every host's."""
    of_number: dict[tuple[str, int], dict[str, str]] = {}
    for place, row in reservations:
        host_id, *number = key(row)
        hosts = of_number.setdefault(tuple(number), {})
        other = host_id if host_id in hosts else EVERY_HOST
        if host_id == EVERY_HOST and hosts:
            other = next(iter(hosts))
        if other in hosts:
            said = f"{named((other, *number))} is reserved by {hosts[other]} already."
            yield Fault(place, said)
        hosts.setdefault(host_id, place)


def _leases_of_every_host(reservations: Iterable[tuple[str, Row]]) -> Iterator[Fault]:
    for place, row in reservations:
        if row["host_id"] == EVERY_HOST and "pid" in row:
            yield Fault(f"{place}.pid", PROCESS_OF_NONE)


def _wrong_rules(rules: Sequence[tuple[str, Row]]) -> Iterator[Fault]:
    places: dict[str, str] = {}
    if len(rules) > MOST_RULES:
        yield Fault("rules", f"there are more than {MOST_RULES:,}.")
    for place, row in rules:
        if row["first"] > row["last"]:
            yield Fault(place, "a range goes from the lower port to the higher.")
        if ("project" in row) == ("team" in row):
            yield Fault(place, "a rule is for a project or for a team.")
        first = places.setdefault(_line(row), place)
        if first != place:
            yield Fault(place, f"{first} says the same.")


def _line(row: Row) -> str:
    said = ", ".join(f'"{name}": {_said(value)}' for name, value in row.items())
    return f"{{{said}}}"


def _said(value: Any) -> str:
    if isinstance(value, datetime):
        return f'"{value.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"'
    return ENCODER.encode(value)
