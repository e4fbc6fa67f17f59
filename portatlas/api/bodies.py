from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.request import Request

from portatlas.api.problems import Problem


def said(request: Request) -> dict[str, Any]:
    """Return the object that a body holds. Raises for one that is empty or holds something else."""
    if request.headers.get("Content-Length", "") in {"", "0"}:
        if "Transfer-Encoding" in request.headers:
            raise Problem("length-required", "Send the body with Content-Length, not in chunks.")
        raise ParseError("The body is empty: send a JSON object.")
    if not isinstance(request.data, dict):
        raise ParseError("The body is no JSON object: it begins with { and ends with }.")
    return request.data
