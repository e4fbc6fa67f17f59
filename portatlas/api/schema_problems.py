"""The problems that each operation of the API may answer with, in its description."""

from itertools import groupby
from typing import Any

from portatlas.api.problem_types import BY_NAME, KINDS, Kind
from portatlas.api.renderers import PROBLEM
from portatlas.api.rules import Rule
from portatlas.api.schema import METHODS, OURS

EVERYWHERE = {"invalid", "unauthenticated", "forbidden", "not-acceptable", "throttled", "busy"}
WITH_BODY = {"conflict", "length-required", "too-large", "unsupported-media-type"}
ON_A_VERSION = {"conflict", "changed"}
OF_A_SWEEP = {"late-sweep", "unknown-digest"}
# What may be in the way of a reservation, beside what goes for all that is written.
TO_RESERVE = {"taken", "held", "not-allowed"}
OF_RESERVATIONS = {
    ("reservations/", "post"): TO_RESERVE,
    ("reservations/request/", "post"): {"none-free"},
    ("reservations/{host_id}/{protocol}/{port}/", "put"): TO_RESERVE | ON_A_VERSION,
    ("reservations/{host_id}/{protocol}/{port}/", "patch"): {"not-allowed"} | ON_A_VERSION,
    ("reservations/{host_id}/{protocol}/{port}/", "delete"): {"changed"},
}

CODES = "\n".join(
    (
        "Which rule is broken, where it is one that this description can't say:",
        *(f"* `{rule}`: {rule.label}" for rule in Rule),
    )
)
PROBLEM_SCHEMA = {
    "type": "object",
    "description": "What went wrong (RFC 9457). `type` leads to a text that explains it.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "instance": {"type": "string", "format": "uri-reference"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["detail"],
                "properties": {
                    "detail": {"type": "string"},
                    "pointer": {"type": "string", "description": "A JSON pointer into the body."},
                    "parameter": {"type": "string", "description": "A parameter of the address."},
                    "code": {
                        "type": "string",
                        "enum": Rule.values,
                        "description": CODES,
                    },
                },
            },
        },
    },
    "additionalProperties": True,
}


def with_problems(result: dict[str, Any], **kwargs) -> dict[str, Any]:
    """Add to every operation the problems it may answer with (a postprocessing hook)."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = PROBLEM_SCHEMA
    components["responses"] = {name_of(kind): response(kind) for kind in KINDS}
    for path, operations in result["paths"].items():
        for method in METHODS & operations.keys():
            responses = operations[method]["responses"]
            kinds = problems_of(path, method, operations[method])
            for status, same in groupby(kinds, key=lambda kind: kind.status):
                responses.setdefault(str(status), answer(list(same)))
    return result


def problems_of(path: str, method: str, operation: dict[str, Any]) -> list[Kind]:
    """Return the problems that an operation may answer with, by their status."""
    names = set(EVERYWHERE)
    names |= {"not-found"} if "{" in path or _asks_for_host(operation) else set()
    names |= WITH_BODY if "requestBody" in operation else set()
    names |= ON_A_VERSION if method != "get" else set()
    if path.endswith("/sweeps/"):
        names = names - ON_A_VERSION | OF_A_SWEEP
    if of_reservation := OF_RESERVATIONS.get((path.removeprefix(OURS), method)):
        names = names - ON_A_VERSION | of_reservation
    names |= {"refused"} if path.endswith("/bulk/") else set()
    return sorted((BY_NAME[name] for name in names), key=lambda kind: (kind.status, kind.name))


def _asks_for_host(operation: dict[str, Any]) -> bool:
    return any(each["name"] == "host" for each in operation.get("parameters", ()))


def name_of(kind: Kind) -> str:
    """
    Return the name of a component for a problem.

    >>> name_of(BY_NAME["not-found"])
    'NotFound'
    """
    return "".join(map(str.capitalize, kind.name.split("-")))


def answer(kinds: list[Kind]) -> dict[str, Any]:
    """Describe an answer that tells of one of these problems, which have the same status."""
    if len(kinds) == 1:
        return {"$ref": f"#/components/responses/{name_of(kinds[0])}"}
    found = [response(kind) for kind in kinds]
    examples = {
        kind.name: {"summary": kind.title, "value": each["content"][PROBLEM]["example"]}
        for kind, each in zip(kinds, found, strict=True)
    }
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        "description": " ".join(each["description"] for each in found),
        "content": {PROBLEM: {"schema": schema, "examples": examples}},
    }


def response(kind: Kind) -> dict[str, Any]:
    """Describe an answer that tells of a problem."""
    example = {"type": kind.address, "title": kind.title, "status": kind.status}
    found = {
        "description": f"{kind.title}. {kind.meaning}",
        "content": {
            PROBLEM: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "example": example | {"detail": kind.meaning, "instance": f"{OURS}ports/"},
            }
        },
    }
    if kind.name in {"throttled", "busy"}:
        header = {"schema": {"type": "integer", "minimum": 0}, "description": "Seconds to wait."}
        found["headers"] = {"Retry-After": header}
    return found
