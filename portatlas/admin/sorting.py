"""How columns of the admin are sorted where a field alone does not tell."""

from django.db.models import Case, OrderBy, Value, When
from django.db.models.functions import Coalesce, NullIf

from notes.models import PortNote

RISK = PortNote.RiskLevel


class SaidFirst(OrderBy):
    """Sort by what somebody said; where nothing is said stands last, upwards and downwards."""

    def __init__(self, expression, **options):
        super().__init__(expression, **{"nulls_last": True} | options)

    def reverse_ordering(self):
        self.descending = not self.descending
        return self


def said(column: str) -> SaidFirst:
    return SaidFirst(NullIf(column, Value("")))


def urgency(column: str) -> SaidFirst:
    """Sort by risk, the suspicious first."""
    order = (RISK.SUSPICIOUS, RISK.EXPECTED, RISK.TRUSTED)
    cases = (When(**{column: risk}, then=Value(place)) for place, risk in enumerate(order))
    return SaidFirst(Case(*cases))


def first_said(*columns: str) -> SaidFirst:
    """Sort by the first of these columns that says something."""
    return SaidFirst(Coalesce(*(NullIf(column, Value("")) for column in columns)))
