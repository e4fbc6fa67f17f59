from rest_framework.pagination import LimitOffsetPagination

FARTHEST = 10_000_000  # rows; beyond it there is nothing, and a database's integers end


class Pages(LimitOffsetPagination):
    default_limit = 100
    max_limit = 500

    def get_offset(self, request):
        return min(super().get_offset(request), FARTHEST)
