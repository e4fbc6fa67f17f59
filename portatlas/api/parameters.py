"""Parameters of the address: which there are, and how they are described."""

from collections.abc import Iterable
from typing import Any

from portatlas.api.problems import InvalidParameter


def raise_unless_known(said: Iterable[str], known: Iterable[str]) -> None:
    """Raise InvalidParameter for what no parameter is called, for it would be lost unheard."""
    if unknown := sorted(set(said) - set(known)):
        known = ", ".join(sorted(known))
        message = f"There is {known}, but not this." if known else "There is no parameter here."
        raise InvalidParameter({name: [message] for name in unknown})


def parameter(name: str, schema: dict[str, Any], description: str, **more: Any) -> dict[str, Any]:
    """Describe a parameter that may be said or not, as OpenAPI has it."""
    told = {"name": name, "in": "query", "required": False, "description": description}
    return told | {"schema": schema} | more
