"""Queries that Django compiles once: it takes longer than the database takes to answer them."""

from collections.abc import Callable
from datetime import UTC, datetime

from django.db import connection
from django.db.models import QuerySet

from portatlas.states import FLAPPING_WINDOW

STAND_IN = datetime(1000, 1, 1, 12, 34, 56, 789, tzinfo=UTC)  # for the time that is asked about


class Prepared:
    """
    A query of which only the time is another each time that it is asked.

    `build` returns it for a time, of which the states know two others: itself, and when the
    window of those that flap began.
    """

    def __init__(self, build: Callable[[datetime], QuerySet]):
        self.build = build
        self.statement: tuple[str, tuple] | None = None

    def at(self, moment: datetime) -> tuple[str, list]:
        """Return its SQL and the values that belong in it."""
        if self.statement is None:
            self.statement = self.build(STAND_IN).query.sql_with_params()
        sql, values = self.statement
        adapt = connection.ops.adapt_datetimefield_value
        now = {
            adapt(STAND_IN): adapt(moment),
            adapt(STAND_IN - FLAPPING_WINDOW): adapt(moment - FLAPPING_WINDOW),
        }
        return sql, [now.get(value, value) for value in values]
