"""A column of a file: it takes what the column of its table takes, of the one type that it has."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.db import models

from portatlas.contexts.reservations import values

JSON_TYPES = {dict: "An object", list: "A list"}
LONGEST_TIME = 40  # characters
TIME = 'A time like "2026-01-31T18:30:00.123456Z" was expected, with its zone.'


class Column(NamedTuple):
    """A column of a table, and what is asked of it beyond that."""

    field: models.Field
    default: Any
    is_needed: bool
    checks: tuple[Callable[[Any], None], ...] = ()

    def read(self, value: Any) -> Any:
        """Return what a value of JSON says. Raises ValidationError."""
        if value is None and self.field.null and not self.is_needed:
            return None
        read = self.field.clean(_of_type(self.field, value), None)
        if isinstance(read, str):
            values.plain_text(read)
        for check in self.checks:
            check(read)
        return read


def _of_type(field: models.Field, value: Any) -> Any:
    """Return what the field's own checks are to see. Raises ValidationError for another type."""
    if isinstance(field, models.DateTimeField):
        return _time(value)
    if isinstance(field, models.FloatField):
        return _number(value)
    if isinstance(field, models.JSONField):
        # An empty one of another type would pass the checks of the field.
        return _only(field.default, value, f"{JSON_TYPES[field.default]} was expected.")
    if isinstance(field, models.IntegerField):
        return _only(int, value, "A whole number was expected.")
    if isinstance(field, models.BooleanField):
        return _only(bool, value, "true or false was expected.")
    return _only(str, value, "A text was expected.")


def _only(expected: type, value: Any, why: str) -> Any:
    if type(value) is not expected:  # to Python, True is a number
        raise ValidationError(why)
    return value


def _time(value: Any) -> datetime:
    if not isinstance(value, str) or len(value) > LONGEST_TIME:
        raise ValidationError(TIME)
    try:
        found = datetime.fromisoformat(value)
        if found.tzinfo is None:
            raise ValidationError(TIME)
        return found.astimezone(UTC)
    except (ValueError, OverflowError) as exc:
        raise ValidationError(TIME) from exc


def _number(value: Any) -> float:
    if type(value) not in {int, float}:
        raise ValidationError("A number was expected.")
    try:
        return float(value)
    except OverflowError as exc:
        raise ValidationError("This is too large a number.") from exc
