"""What is read as an import: files of ours, and those of Port Keeper, told apart by their shape."""

from portatlas.contexts.reservations.exchange import decoding, document, portkeeper, rows
from portatlas.contexts.reservations.exchange.document import Document
from portatlas.contexts.reservations.exchange.faults import MOST, Fault


def load(data: bytes, *, host_id: str) -> Document:
    """
    Return what a file says. `host_id` is whose ports those of Port Keeper are.

    Raises BadFileError.
    """
    said = decoding.decode(data)
    if not portkeeper.is_one(said):
        return document.read(said)
    translation = portkeeper.translate(said, host_id)
    faults: list[Fault] = []
    found = []
    for place, raw in translation.rows:
        before = len(faults)
        row = rows.RESERVATION.read(place, raw, faults)
        faults[before:] = [_in_its_words(fault) for fault in faults[before:]]
        if row is not None:
            found.append((place, row))
        if len(faults) >= MOST:
            break
    content = document.checked(found, [], None, faults)
    return content._replace(remarks=translation.remarks)


def _in_its_words(fault: Fault) -> Fault:
    place, dot, column = fault.place.partition(".")
    return Fault(f"{place}{dot}{portkeeper.NAMES.get(column, column)}", fault.text)
