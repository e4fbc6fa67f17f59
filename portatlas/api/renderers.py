from rest_framework.renderers import JSONRenderer

PROBLEM = "application/problem+json"


class ProblemRenderer(JSONRenderer):
    """What went wrong, as RFC 9457 has it; in ASCII, whatever of a request is quoted in it."""

    media_type = PROBLEM
    format = "problem"
    ensure_ascii = True
