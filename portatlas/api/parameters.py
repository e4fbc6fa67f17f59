"""What may stand in an address behind the question mark, so that no misspelt filter is lost."""

from collections.abc import Iterable, Iterator

from rest_framework.filters import BaseFilterBackend

from portatlas.api.problems import InvalidParameter

OF_EACH_LIST = {"limit", "offset", "ordering", "search", "format"}
LONGEST_NUMBER = 20  # digits


class KnownParameters(BaseFilterBackend):
    """Refuses parameters that a list does not know, and values that mean nothing to it."""

    def filter_queryset(self, request, queryset, view):
        said = request.query_params
        raise_unless_known(said, OF_EACH_LIST | set(_of_filters(view.filterset_class)))
        errors = {}
        for name in ("limit", "offset"):
            number = said.get(name, "1")
            if not (number.isascii() and number.isdecimal() and len(number) <= LONGEST_NUMBER):
                errors[name] = ["It is a whole number, 0 or more."]
        words = {word.strip().removeprefix("-") for word in said.get("ordering", "").split(",")}
        if words - {"", *view.ordering_fields}:
            errors["ordering"] = [f"It is one of {', '.join(view.ordering_fields)}."]
        if errors:
            raise InvalidParameter(errors)
        return queryset


def raise_unless_known(said: Iterable[str], known: Iterable[str]) -> None:
    if unknown := sorted(set(said) - set(known)):
        known = ", ".join(sorted(known))
        raise InvalidParameter({name: [f"There is {known}, but not this."] for name in unknown})


def _of_filters(filterset) -> Iterator[str]:
    for name, each in filterset.base_filters.items():
        ends = getattr(each.field.widget, "suffixes", None) or [""]
        yield from (f"{name}_{end}" if end else name for end in ends)
