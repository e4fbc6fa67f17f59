"""The character that PostgreSQL has no room for, in what is asked of the admin."""

from django.http import Http404, HttpRequest, QueryDict

NUL = "\x00"


class NulMiddleware:
    """
    Keeps NUL from the filters and keys of the admin, which hand on to the database what they get.

    There is nothing whose address has one, and in what is looked for it is left out. Pages that
    are ours, the API and forms see to it themselves.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view, args, kwargs) -> None:
        if request.resolver_match.app_name != "admin":
            return
        if NUL in request.path_info:
            raise Http404("No address has a NUL in it.")
        if any(NUL in text for name, values in request.GET.lists() for text in (name, *values)):
            request.GET = _without_nul(request.GET)


def _without_nul(query: QueryDict) -> QueryDict:
    found = QueryDict(mutable=True)
    for name, values in query.lists():
        found.setlist(name.replace(NUL, ""), [value.replace(NUL, "") for value in values])
    found._mutable = False  # noqa: SLF001  # as a request has it, and nothing public says so
    return found
