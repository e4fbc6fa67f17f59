"""
What an expression of the ORM comes to for an object in memory, so that each rule is said once.

Columns are attributes: `note__risk_level` is that of `note`, and None where there is no note.
Nothing compares with None. Only what the rules of `states.py` are made of is known; anything
else is a TypeError, when it is read and not when it is asked.
"""

import operator
from collections.abc import Callable
from functools import singledispatch
from typing import Any

from django.db.models import Case, F, Q, Value
from django.db.models.lookups import GreaterThanOrEqual

from portatlas.states import Seconds
from portatlas.violation import Violated

Reader = Callable[[Any], Any]  # from an object to a value


def _of_both(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda one, other: one is not None and other is not None and compare(one, other)


GTE = _of_both(operator.ge)
LOOKUPS: dict[str, Callable[[Any, Any], bool]] = {
    "exact": operator.eq,
    "in": lambda value, wanted: value in wanted,
    "isnull": lambda value, wanted: (value is None) == wanted,
    "gte": GTE,
    "lte": _of_both(operator.le),
}


@singledispatch
def reader(expression: Any) -> Reader:
    """Return what computes an expression from an object. Raises TypeError for an unknown kind."""
    raise TypeError(f"The rules have nothing of this kind: {expression!r}")


@reader.register
def _of_condition(condition: Q) -> Reader:
    if condition.connector not in {Q.AND, Q.OR}:
        raise TypeError(f"The rules have nothing of this kind: {condition!r}")
    parts = [
        _lookup(*child) if isinstance(child, tuple) else reader(child)
        for child in condition.children
    ]
    negated, decisive = condition.negated, condition.connector == Q.OR
    if len(parts) == 1 and not negated:
        return parts[0]

    def read(row: Any) -> bool:
        for part in parts:  # all() and any() take twice as long, and ports are many
            if part(row) == decisive:
                return decisive != negated
        return decisive == negated

    return read


@reader.register
def _of_case(case: Case) -> Reader:
    cases = [(reader(each.condition), reader(each.result)) for each in case.cases]
    default = reader(case.default)

    def read(row: Any) -> Any:
        for fits, result in cases:
            if fits(row):
                return result(row)
        return default(row)

    return read


@reader.register
def _of_value(value: Value) -> Reader:
    return lambda row: value.value


@reader.register
def _of_column(column: F) -> Reader:
    return _column(column.name)


@reader.register
def _of_seconds(seconds: Seconds) -> Reader:
    end, start = map(reader, seconds.get_source_expressions())

    def read(row: Any) -> float:
        times = end(row), start(row)
        return 0 if None in times else (times[0] - times[1]).total_seconds()

    return read


@reader.register
def _of_violation(violated: Violated) -> Reader:
    return operator.attrgetter("is_violated")


@reader.register
def _of_comparison(comparison: GreaterThanOrEqual) -> Reader:
    one, other = reader(comparison.lhs), reader(comparison.rhs)
    return lambda row: GTE(one(row), other(row))


def _lookup(path: str, wanted: Any) -> Reader:
    name, _, word = path.rpartition("__")
    if word not in LOOKUPS:
        name, word = path, "exact"
    compare, read = LOOKUPS[word], _column(name)
    return lambda row: compare(read(row), wanted)


def _column(path: str) -> Reader:
    *way, name = path.split("__")
    if not way:
        return operator.attrgetter(name)

    def read(row: Any) -> Any:
        for step in way:
            row = getattr(row, step)
            if row is None:
                return None
        return getattr(row, name)

    return read
