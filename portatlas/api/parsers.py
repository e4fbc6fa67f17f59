"""JSON as RFC 8259 has it, and no more of it than a request may bring."""

import json
from typing import Any, NoReturn

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

DEEPEST = 32  # levels of lists and objects; what the API understands has four


class StrictJSON(BaseParser):
    """
    Refuses what other readers of the same text may understand differently.

    That is a name said twice in an object, NaN and Infinity, numbers that no float holds, and
    text that is not UTF-8. A body is read only up to DATA_UPLOAD_MAX_MEMORY_SIZE.
    """

    media_type = "application/json"

    def parse(self, stream, media_type=None, parser_context=None):
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(most + 1)
        if len(body) > most:
            raise RequestDataTooBig
        try:
            text = body.decode()
        except UnicodeDecodeError as exc:
            raise ParseError(f"The body is not UTF-8 from byte {exc.start} on.") from exc
        return loads(text)


def loads(text: str) -> Any:
    """Return what a JSON text says. Raises ParseError, which says where it is wrong."""
    try:
        found = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_no_number,
            parse_float=_float,
            parse_int=_int,
        )
    except json.JSONDecodeError as exc:
        where = f"line {exc.lineno}, column {exc.colno}"
        raise ParseError(f"The body is not JSON: {exc.msg}, at {where}.") from exc
    except RecursionError as exc:
        raise ParseError(TOO_DEEP) from exc
    _measure(found)
    return found


TOO_DEEP = f"The body is nested deeper than {DEEPEST} levels."


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen = set()
        for name, _value in pairs:
            if name in seen:
                raise ParseError(f"An object says {name[:50]!r} twice.")
            seen.add(name)
    return found


def _no_number(word: str) -> NoReturn:
    raise ParseError(f"{word} is no number in JSON.")


def _float(digits: str) -> float:
    number = float(digits)
    if number in {float("inf"), float("-inf")}:
        raise ParseError("A number is too large for a float.")
    return number


def _int(digits: str) -> int:
    _float(digits)  # beyond that range readers differ, and long ones take long to be read
    return int(digits)


def _measure(found: Any) -> None:
    level = [found]
    for _depth in range(DEEPEST):
        level = [
            below
            for each in level
            if isinstance(each, (dict, list))
            for below in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return
    raise ParseError(TOO_DEEP)
