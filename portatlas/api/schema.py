"""
The API as OpenAPI tells it: what drf-spectacular can't see by looking at the views.

Views say what is theirs by `extend_schema`; here is what they share, and in `schema_problems` the
problems that each may answer with.
"""

from functools import cache
from typing import Any

from django.db.models.enums import ChoicesType
from drf_spectacular.contrib.django_filters import DjangoFilterExtension
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.plumbing import build_basic_type
from drf_spectacular.types import OpenApiTypes

from collector.sweep import Protocol
from portatlas.api.asking import MOST_VALUES

OURS = "/api/v1/"
METHODS = {"get", "put", "post", "delete", "patch"}
DESCRIPTION = """
What listens on which port, what people know of it, and what is unhealthy.

A program shows a token (`Authorization: Bearer atlas_…`), made in the admin or by `manage.py token
make`; its scopes say what it may do. Lists come in pages, by `limit` and `offset`. What goes wrong
is told as `application/problem+json`, and who asks too often waits as long as `Retry-After` says.
""".strip()

TAGS = {
    "ports": "What listens or did, with its note, its state, and why.",
    "notes": "What people know of ports, each at the address of its port.",
    "reservations": "Who may take which port, and free ports for who asks.",
    "events": "What appeared, vanished or changed hands.",
    "host-events": "What befell the machines: boots, gaps, clocks that were set.",
    "hosts": "The machines, and how well each is seen.",
    "coverage": "When each host was watched; nothing is known of the time between.",
    "transients": "What came and went between two looks, where the kernel tells of it.",
    "sweeps": "What the agents of other machines bring.",
    "summary": "How things stand, in numbers.",
    "discovery": "Ports and hosts for programs that look for targets.",
    "schema": "What you are reading.",
}


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = "portatlas.tokens.authentication.Bearer"
    name = "token"

    def get_security_definition(self, auto_schema):
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A token, made in the admin or by `manage.py token make`.",
        }


class BasicScheme(OpenApiAuthenticationExtension):
    target_class = "portatlas.api.authentication.Basic"
    name = "basic"

    def get_security_definition(self, auto_schema):
        return {
            "type": "http",
            "scheme": "basic",
            "description": "User name with password, or with a token of that user.",
        }


class SessionScheme(OpenApiAuthenticationExtension):
    """The session of a browser. Who writes by it shows its CSRF token as well."""

    target_class = "rest_framework.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema):
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "Of a browser that is logged in; to write, with `X-CSRFToken`.",
        }


class FilterScheme(DjangoFilterExtension):
    """Filters that are no fields of a model are what their choices are: words."""

    priority = 1

    def _get_explicit_filter_choices(self, filter_field):
        choices = filter_field.extra.get("choices")
        if isinstance(choices, ChoicesType):  # which is called for nothing but its own values
            return choices.values
        return super()._get_explicit_filter_choices(filter_field)

    def _get_schema_from_model_field(self, auto_schema, filter_field, model):
        if self._get_explicit_filter_choices(filter_field):
            return build_basic_type(OpenApiTypes.STR)
        return super()._get_schema_from_model_field(auto_schema, filter_field, model)

    def resolve_filter_field(self, auto_schema, model, filterset_class, field_name, filter_field):
        """Say of each filter what it is for, and how often those that take many may be said."""
        [found] = super().resolve_filter_field(
            auto_schema, model, filterset_class, field_name, filter_field
        )
        if found["schema"]["type"] == "array":
            found["schema"]["maxItems"] = MOST_VALUES
        return [found | ({"description": filter_field.label} if filter_field.label else {})]


# What stands in addresses, where a route says no more than a pattern; and an example of each.
KEY = {
    "host_id": {"example": "atlas"},
    "protocol": {"schema": {"type": "string", "enum": list(Protocol)}, "example": "tcp"},
    "port": {"schema": {"type": "integer", "minimum": 1, "maximum": 65535}, "example": 443},
}

SITE = "http://atlas:8000"  # of the links that stand in examples


@cache
def described() -> dict[str, Any]:
    """Return the description, which is the same as long as a process lives."""
    return SchemaGenerator().get_schema(request=None, public=True)


def ours(endpoints, **kwargs):
    """Leave to the description of the API what is in it (drf-spectacular's preprocessing)."""
    return [endpoint for endpoint in endpoints if endpoint[0].startswith(OURS)]


def with_words(result: dict[str, Any], **kwargs) -> dict[str, Any]:
    """Say what the API and its parts are about (a postprocessing hook)."""
    used = {
        tag
        for operations in result["paths"].values()
        for method in METHODS & operations.keys()
        for tag in operations[method]["tags"]
    }
    result["info"]["description"] = DESCRIPTION
    result["tags"] = [
        {"name": tag, "description": text} for tag, text in TAGS.items() if tag in used
    ]
    return result


def with_keys(result: dict[str, Any], **kwargs) -> dict[str, Any]:
    """Say what a host, a protocol and a port are that stand in an address (a hook as well)."""
    for operations in result["paths"].values():
        for method in METHODS & operations.keys():
            for parameter in operations[method].get("parameters", ()):
                if parameter["in"] == "path":
                    parameter.update(KEY.get(parameter["name"], {}))
    return result


def with_links(result: dict[str, Any], **kwargs) -> dict[str, Any]:
    """Let the links from page to page, in examples, lead to the list that they stand in."""
    schemas = result["components"]["schemas"]
    for path, operations in result["paths"].items():
        read = operations.get("get", {"responses": {}})["responses"].get("200", {})
        for media in read.get("content", {}).values():
            name = media["schema"].get("$ref", "").rpartition("/")[2]
            told = schemas.get(name, {}).get("properties", {})
            for link in {"next", "previous"} & told.keys():
                told[link]["example"] = f"{SITE}{path}{told[link]['example']}"
    return result
