"""Which format an answer has."""

from rest_framework.negotiation import BaseContentNegotiation


class AnyFormat(BaseContentNegotiation):
    """Answers whatever the client accepts: there is one format, and clients name it variously."""

    def select_renderer(self, request, renderers, format_suffix=None):
        return renderers[0], renderers[0].media_type
