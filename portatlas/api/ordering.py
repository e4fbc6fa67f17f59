from rest_framework.filters import OrderingFilter


class Ordering(OrderingFilter):
    """Ends every order with the key, so that no row stands on two pages."""

    def get_ordering(self, request, queryset, view):
        ordering = super().get_ordering(request, queryset, view)
        return ordering and [*ordering, "pk"]
