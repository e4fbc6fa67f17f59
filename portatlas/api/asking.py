"""What may be asked of a list: each parameter by its name, and what it may say."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime

import django_filters as filters
from django import forms
from django.db.models import F, OrderBy, Q
from django.http import QueryDict
from django_filters.fields import MultipleChoiceField
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field

from portatlas import moment
from portatlas.api.ordering import Ordering
from portatlas.api.parameters import parameter, raise_unless_known
from portatlas.api.problems import InvalidParameter
from portatlas.api.rules import Rule

LONGEST = 500  # characters of a value
MOST_VALUES = 100  # of a parameter that may be said more than once
RANGE = "[1-9][0-9]{0,4}(-[1-9][0-9]{0,4})?"
PORTS = re.compile(f"{RANGE}(, *{RANGE})*")
# How RFC 3339 writes a time, which may be none of the calendar nevertheless.
TIME = re.compile(
    r"[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}([.][0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})"
)
NO_NUL_IN_IT = r"^[^\x00]*$"
TEXT = {"type": "string", "maxLength": LONGEST, "pattern": NO_NUL_IN_IT}

ONCE = "It is said once."
TOO_LONG = f"It has at most {LONGEST} characters."
TOO_MANY = f"It is said at most {MOST_VALUES} times."
EMPTY = "It says nothing."
NO_NUL = "Nothing that it could mean has a NUL."
NO_TIME = "It is a date or a time in UTC, as 2026-11-20 or 2026-11-20T14:00:00Z."
NO_PORTS = "It is a port, or several: 80 or 22,80,8000-8100, each from 1 to 65535."


def check(
    said: QueryDict, known: Iterable[str], *, often: Iterable[str] = (), empty: Iterable[str] = ()
) -> None:
    """
    Raise InvalidParameter unless all that is said is known, makes a text, and is said once.

    Those in `often` may be said more than once, for any of what they say is meant, and those in
    `empty` may say nothing.
    """
    raise_unless_known(said, known)
    errors = {}
    for name, values in said.lists():
        if len(values) > 1 and name not in often:
            errors[name] = [ONCE]
        elif len(values) > MOST_VALUES:
            errors[name] = [TOO_MANY]
        elif "" in values and name not in empty:
            errors[name] = [EMPTY]
        elif any("\x00" in value for value in values):
            errors[name] = [NO_NUL]
        elif any(len(value) > LONGEST for value in values):
            errors[name] = [TOO_LONG]
    if errors:
        raise InvalidParameter(errors)


def time_of(said: QueryDict, name: str) -> datetime | None:
    """Return the time that a parameter says, None if it says nothing. Raises InvalidParameter."""
    if name not in said:
        return None
    found = moment.parse(said[name])
    if found is None:
        raise InvalidParameter({name: [NO_TIME]}, code_of(said[name]))
    return found


def code_of(text: str) -> str:
    """
    Return the code of what is wrong with a text that is no time.

    >>> code_of("tomorrow"), str(code_of("0001-01-01T00:00:00+01:00"))
    ('invalid', 'calendar')
    """
    return Rule.CALENDAR if TIME.fullmatch(text) else "invalid"


class MomentField(forms.CharField):
    def clean(self, value):
        text = super().clean(value)
        if not text:
            return None
        found = moment.parse(text)
        if found is None:
            raise forms.ValidationError(NO_TIME, code_of(text))
        return found


class Moment(filters.IsoDateTimeFilter):
    """A time as people write it, which every database can hold."""

    field_class = MomentField


class Whole(filters.NumberFilter):
    """A whole number that every database can hold."""

    field_class = forms.IntegerField

    def __init__(self, *args, most: int, **options):
        super().__init__(*args, min_value=0, max_value=most, **options)
        extend_schema_field({"type": "integer", "minimum": 0, "maximum": most})(self)


@extend_schema_field(OpenApiTypes.BOOL)
class Flag(filters.TypedChoiceFilter):
    """`true` or `false`; anything else is an error, where BooleanFilter would ignore it."""

    def __init__(self, **options):
        choices = [("true", "true"), ("false", "false")]
        super().__init__(choices=choices, coerce="true".__eq__, **options)


class WordsField(MultipleChoiceField):
    def to_python(self, value):
        return [word.strip() for text in super().to_python(value) for word in text.split(",")]


class OneOf(filters.MultipleChoiceFilter):
    """One of these words; said more than once, or with commas, any of them is meant."""

    field_class = WordsField

    def __init__(self, words, **options):
        words = [str(word) for word in words]
        message = f"It is one of {', '.join(words)}."
        super().__init__(
            choices=[(word, word) for word in words],
            error_messages={"invalid_choice": message},
            **options,
        )

    def filter(self, qs, value):
        return qs.filter(**{f"{self.field_name}__in": value}) if value else qs


class TextsField(forms.Field):
    widget = forms.SelectMultiple


@extend_schema_field({"type": "array", "items": TEXT})
class Texts(filters.Filter):
    """Exactly this text; said more than once, any of them is meant."""

    field_class = TextsField

    def filter(self, qs, value):
        return qs.filter(**{f"{self.field_name}__in": value}) if value else qs


class PortsField(forms.CharField):
    def clean(self, value):
        text = super().clean(value)
        if not text:
            return []
        if not PORTS.fullmatch(text):
            raise forms.ValidationError(NO_PORTS)
        ends = [[int(end) for end in part.split("-")] for part in text.split(",")]
        ranges = [(each[0], each[-1]) for each in ends]
        if not all(first <= last <= 65535 for first, last in ranges):
            raise forms.ValidationError(NO_PORTS, Rule.RANGE)
        return ranges


@extend_schema_field({"type": "string", "maxLength": LONGEST, "pattern": f"^{PORTS.pattern}$"})
class Ports(filters.Filter):
    """Ports by their number: `80`, `22,80` or `8000-8100`."""

    field_class = PortsField

    def filter(self, qs, value):
        if not value:
            return qs
        any_of = Q()
        for first, last in value:
            any_of |= Q(**{f"{self.field_name}__range": (first, last)})
        return qs.filter(any_of)


class Filters(DjangoFilterBackend):
    """The filters of a list, made ready only if any of them is said: there are dozens."""

    def filter_queryset(self, request, queryset, view):
        if view.filterset_class.base_filters.keys().isdisjoint(request.query_params):
            return queryset
        return super().filter_queryset(request, queryset, view)


class Asked:
    """
    What a view lets one ask; anything else is refused before it is looked for.

    A view says which `parameters` it has, beside its filters, which choose among many.
    """

    parameters: tuple[str, ...] = ()
    filterset_class: type[filters.FilterSet] | None = None

    def initial(self, request, *args, **kwargs):
        super().initial(request, *args, **kwargs)
        if not request.query_params or request.method not in self.allowed_methods:
            return
        is_list = getattr(self, "action", "list") == "list" and self.filterset_class
        of_filters = self.filterset_class.base_filters if is_list else {}
        texts = [name for name, each in of_filters.items() if isinstance(each, Texts)]
        words = [name for name, each in of_filters.items() if isinstance(each, OneOf)]
        known = {*self.parameters, *of_filters}
        check(request.query_params, known, often=[*texts, *words], empty=[*texts, "search"])


class InOrder(Ordering):
    """
    An order by columns that the view names; another is refused, not passed over.

    Of those that may hold nothing the view says in `ordering_columns` where they are. Whatever
    the database is, what holds nothing comes last.
    """

    def remove_invalid_fields(self, queryset, fields, view, request):
        if len(fields) > len(view.ordering_fields) or any(
            field.removeprefix("-") not in view.ordering_fields for field in fields
        ):
            known = ", ".join(view.ordering_fields)
            message = f"It is one of {known}, or some of them with commas; with - it is reversed."
            raise InvalidParameter({self.ordering_param: [message]})
        return [_in_order(field, getattr(view, "ordering_columns", {})) for field in fields]

    def get_schema_operation_parameters(self, view):
        names = [sign + name for name in view.ordering_fields for sign in ("", "-")]
        schema = {
            "type": "array",
            "items": {"type": "string", "enum": names},
            "minItems": 1,
            "maxItems": len(view.ordering_fields),
        }
        description = "By which columns, the first one first; with - from the end."
        return [parameter(self.ordering_param, schema, description, explode=False)]


def _in_order(field: str, columns: Mapping[str, str]) -> str | OrderBy:
    name = field.removeprefix("-")
    if name not in columns:
        return field
    return OrderBy(F(columns[name]), descending=field.startswith("-"), nulls_last=True)
