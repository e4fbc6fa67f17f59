"""
Filters of a list that tell how many rows are behind each choice.

Django asks once for each choice of each filter. Here the values of all filters are read at once
and counted, so that what a row costs to be joined and judged is paid once for all of them.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Page, Paginator
from django.utils.functional import cached_property

NOTHING = "-"  # the choice of the rows that have no value
MOST_CHOICES = 25


class FacetFilter(admin.SimpleListFilter):
    """
    A filter whose choices are what the rows have to offer, the chosen one always among them.

    `column` is a field or an expression. `labels` are words for its values, in their order;
    without them the most frequent values come first, and stand for themselves.
    """

    column: Any = None
    labels: dict[str, str] | None = None
    nothing = "none"  # the word for NOTHING

    def lookups(self, request, model_admin):
        return ()

    def has_output(self):
        return True

    def value(self) -> str | None:
        value = super().value()
        return value and value.replace("\x00", "")[:200]

    def expression(self):
        """Return what is counted, as `values_list()` takes it."""
        return self.column

    def keys(self, value: Any) -> Iterable[str]:
        """Return the choices that a row with this value is behind."""
        return (str(value or NOTHING),)

    def choices(self, changelist):
        counts = changelist.facets[self.parameter_name]
        chosen = self.value()
        yield {
            "selected": not chosen,
            "query_string": changelist.get_query_string(remove=[self.parameter_name]),
            "display": "All",
        }
        for key in self.offered(counts, chosen):
            yield {
                "selected": key == chosen,
                "query_string": changelist.get_query_string({self.parameter_name: key}),
                "display": f"{self.label(key)} ({counts[key]})",
            }

    def offered(self, counts: Counter[str], chosen: str | None) -> list[str]:
        said = sorted(counts.keys() - {NOTHING}, key=lambda key: (-counts[key], key))
        found = said[:MOST_CHOICES] + [NOTHING] * (NOTHING in counts)
        if chosen and chosen not in found:
            found.append(chosen)
        places = {key: place for place, key in enumerate(self.labels or ())}
        return sorted(found, key=lambda key: places.get(key, len(places)))

    def label(self, key: str) -> str:
        if key == NOTHING:
            return self.nothing
        return (self.labels or {}).get(key, key)


class FacetedChangeList(ChangeList):
    """A list that counts what is behind the choices of its filters."""

    @cached_property
    def facets(self) -> dict[str, Counter[str]]:
        """
        Count the rows behind each choice of each filter, as if nothing were chosen in it.

        One query for all filters in which nothing is chosen, and one for each of the others.
        """
        specs = list(self.filter_specs)
        free = [spec for spec in specs if not spec.value()]
        counts = self._counted(free, None) if free else {}
        for spec in specs:
            if spec not in free:
                counts |= self._counted([spec], spec.expected_parameters())
        return counts

    def _counted(
        self, specs: Sequence[FacetFilter], without: list[str] | None
    ) -> dict[str, Counter[str]]:
        rows = self.get_queryset(specs[0].request, exclude_parameters=without).order_by()
        columns = zip(*rows.values_list(*(spec.expression() for spec in specs)), strict=True)
        found = {spec.parameter_name: Counter() for spec in specs}
        for spec, values in zip(specs, columns, strict=False):  # no columns without rows
            for value, n in Counter(values).items():
                for key in spec.keys(value):
                    found[spec.parameter_name][key] += n
        return found


class KeysFirst(Paginator):
    """Pages a sorted query by its keys: what is wide is read for one page and sorted for none."""

    def page(self, number) -> Page:
        number = self.validate_number(number)
        start = (number - 1) * self.per_page
        keys = self.object_list.values_list("pk", flat=True)[start : start + self.per_page]
        return self._get_page(self.object_list.filter(pk__in=list(keys)), number, self)
