"""The fields of a reservation, each of which takes what its description says and nothing else."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from portatlas import moment
from portatlas.api import asking
from portatlas.api.note_serializers import Text
from portatlas.api.rules import Rule
from portatlas.contexts.reservations import values

WITHIN = re.compile("[1-9][0-9]{0,4}-[1-9][0-9]{0,4}")
NO_RANGE = "It is a range from the lower port to the higher, as 8000-8100, from 1 to 65535."


class Flag(serializers.BooleanField):
    """`true` or `false`; a word or a number is neither."""

    def to_internal_value(self, data):
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Name(Text):
    """A text that is taken as it comes: blanks around it are wrong, or part of it."""

    def __init__(self, **options):
        super().__init__(trim_whitespace=False, **options)


class Printable(Text):
    """A text that every database holds and every terminal shows."""

    def to_internal_value(self, data):
        text = super().to_internal_value(data)
        _raise_coded(values.plain_text, text, Rule.PRINTABLE)
        return text


@extend_schema_field(
    {
        "type": "array",
        "items": {"type": "string", "pattern": f"^{values.TAG.pattern}$"},
        "maxItems": values.MOST_TAGS,
        "uniqueItems": True,
    }
)
class Tags(serializers.JSONField):
    """A list of tags, each once."""

    default_validators = [values.tags]


@extend_schema_field({"type": "object", "additionalProperties": {}})
class Metadata(serializers.JSONField):
    """An object of whatever JSON can say."""

    default_error_messages = {"invalid": "It is a JSON object."}

    def to_internal_value(self, data):
        if not isinstance(data, dict):
            self.fail("invalid")
        _raise_coded(values.metadata, data, Rule.METADATA)
        return data


@extend_schema_field(OpenApiTypes.DATETIME)
class Time(serializers.Field):
    """A time as RFC 3339 writes it, in UTC unless it says otherwise."""

    def to_internal_value(self, data: Any) -> datetime:
        found = moment.parse(data) if isinstance(data, str) else None
        if found is None:
            code = asking.code_of(data) if isinstance(data, str) else "invalid"
            raise serializers.ValidationError([asking.NO_TIME], code)
        return found

    def to_representation(self, value: datetime) -> str | None:
        return moment.iso(value)


@extend_schema_field({"type": "string", "pattern": f"^{WITHIN.pattern}$", "example": "8000-8100"})
class Within(serializers.Field):
    """A range of ports, from the lower to the higher."""

    def to_internal_value(self, data: Any) -> range:
        if not isinstance(data, str) or not WITHIN.fullmatch(data):
            raise serializers.ValidationError([NO_RANGE])
        first, last = map(int, data.split("-"))
        if not first <= last <= 65535:
            raise serializers.ValidationError([NO_RANGE], Rule.RANGE)
        return range(first, last + 1)


def _raise_coded(check: Callable[[Any], None], value: Any, code: Rule) -> None:
    try:
        check(value)
    except ValidationError as exc:
        raise serializers.ValidationError(exc.messages, code) from exc
