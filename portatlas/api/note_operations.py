"""What the description of the API says of the addresses of notes."""

from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema

from collector.sweep import HOST_ID, Protocol
from notes.batch import MOST
from notes.models import PortNote
from portatlas.api.asking import NO_NUL_IN_IT
from portatlas.api.note_serializers import (
    BulkAnswerSerializer,
    BulkDeleteSerializer,
    BulkSerializer,
    NoteAtAddressSerializer,
    NoteSerializer,
    OnlyKnown,
)
from portatlas.api.preconditions import TAGS

HOST = {
    "type": "string",
    "pattern": rf"^({HOST_ID}|\*)$",
    "maxLength": PortNote._meta.get_field("host_id").max_length,
}
PORT = {"type": "integer", "minimum": 1, "maximum": 65535}
KEY = [
    OpenApiParameter("host_id", HOST, "path", description="A host, or * for every host."),
    OpenApiParameter("protocol", str, "path", enum=[str(each) for each in Protocol]),
    OpenApiParameter("port", PORT, "path"),
]
TAGS_OR_ALL = {"type": "string", "format": "entity-tags", "pattern": rf"^(\*|{TAGS.pattern})$"}
# Without examples: what Swagger fills in has to go together, and these two hardly do.
IF_MATCH, IF_NONE_MATCH = (
    OpenApiParameter(name, TAGS_OR_ALL, "header", description=text)
    for name, text in (
        ("If-Match", 'The ETag that was read, as `"7"`: 412 where it is another by now.'),
        ("If-None-Match", "`*` to write only where there is nothing yet, else 412."),
    )
)

SHOP = {"title": "Shop", "owner": "alice", "service_type": "web", "tags": ["web"]}
A_NOTE = OpenApiExample("A note", SHOP, request_only=True)
A_CHANGE = OpenApiExample("A change", {"owner": "alice", "tags": ["web"]}, request_only=True)
A_NEW_NOTE = OpenApiExample(
    "A note", {"host_id": "atlas", "protocol": "tcp", "port": 8080} | SHOP, request_only=True
)
THREE_ITEMS = OpenApiExample(
    "Put, patch and delete",
    {
        "dry_run": True,
        "items": [
            {"host_id": "atlas", "protocol": "tcp", "port": 8080, "title": "Shop"},
            {"host_id": "*", "protocol": "tcp", "port": 22, "op": "patch", "owner": "ops"},
            {"host_id": "atlas", "protocol": "udp", "port": 53, "op": "delete", "if_match": 3},
        ],
    },
    request_only=True,
)

of_key = extend_schema(parameters=KEY)
make = extend_schema(responses={201: NoteSerializer}, examples=[A_NEW_NOTE])
put = extend_schema(
    request=NoteAtAddressSerializer,
    responses={200: NoteSerializer, 201: NoteSerializer, 204: None},
    parameters=[IF_MATCH, IF_NONE_MATCH],
    examples=[A_NOTE],
)
patch = extend_schema(
    request=NoteAtAddressSerializer,
    responses={200: NoteSerializer, 204: None},
    parameters=[IF_MATCH],
    examples=[A_CHANGE],
)
delete = extend_schema(responses={204: None}, parameters=[IF_MATCH])
in_bulk = extend_schema(
    request=BulkSerializer,
    responses=BulkAnswerSerializer,
    parameters=[OpenApiParameter("dry_run", bool, description="Tell, and write nothing.")],
    examples=[THREE_ITEMS],
)


class WithBody(AutoSchema):
    """Who writes sends a body, even where none of its fields has to be said."""

    def _get_request_body(self, direction="request"):
        body = super()._get_request_body(direction)
        return body and body | {"required": True}


class WithNames(OpenApiSerializerExtension):
    """What has names for all that it may say allows no others."""

    target_class = OnlyKnown
    match_subclasses = True

    def map_serializer(self, auto_schema, direction):
        schema = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)  # noqa: SLF001  # the way of extensions
        if direction == "response":
            return schema
        for each in schema["properties"].values():
            if each.get("type") == "string" and not each.keys() & {"enum", "format"}:
                each.setdefault("pattern", NO_NUL_IN_IT)
        return schema | {"additionalProperties": False}


class OfMany(WithNames):
    """Items of either kind: which of them one is, `op` tells."""

    target_class = BulkSerializer

    def map_serializer(self, auto_schema, direction):
        schema = super().map_serializer(auto_schema, direction)
        items = schema["properties"]["items"]
        delete = auto_schema.resolve_serializer(BulkDeleteSerializer, direction)
        items |= {"items": {"oneOf": [items["items"], delete.ref]}, "maxItems": MOST}
        return schema
