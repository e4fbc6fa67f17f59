"""What the description of the API says of sweeps: what an agent sends, and what it is answered."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers

from collector import fields, wire
from collector.sweep import HOST_ID, EventSource, OwnersSeen, OwnerState, Protocol, Role, Verdict
from portatlas.api.problem_types import BY_NAME
from portatlas.api.renderers import PROBLEM

TEXT = {"type": "string", "maxLength": fields.LONGEST}
FLAG = {"type": "boolean"}
NUMBER = {"type": "integer", "minimum": 0, "maximum": wire.HIGHEST}
PID = {"type": "integer", "minimum": 0, "maximum": wire.HIGHEST_PID}
TIME = {"type": "string", "format": "date-time"}
SECONDS = {"type": "number", "minimum": 0, "maximum": wire.MOST_INTERVAL}


def words(enum) -> dict[str, Any]:
    return {"type": "string", "enum": [str(word) for word in enum]}


def maybe(schema: dict[str, Any]) -> dict[str, Any]:
    return schema | {"nullable": True}


def objects(required: list[str], most: int, **properties: dict[str, Any]) -> dict[str, Any]:
    items = {"type": "object", "required": required, "properties": properties}
    return {"type": "array", "maxItems": most, "items": items}


SOCKETS = objects(
    ["protocol", "port"],
    wire.MOST_NEWS,
    protocol=words(Protocol),
    port={"type": "integer", "minimum": 1, "maximum": 65535},
    address=TEXT,
    cookie=TEXT | {"description": "As in the endpoints of a listener."},
    pid=maybe(PID) | {"description": "Who opened it."},
    process_name=TEXT,
    opened_at=maybe(TIME) | {"description": "Null if that was before the last look."},
    closed_at=maybe(TIME) | {"description": "Null if it is still open."},
)
NEWS = {
    "type": "object",
    "description": (
        "What the kernel told of sockets since the look before. It dates what the sweep finds to "
        "have changed, and tells of ports that came and went; what is open, the listeners say."
    ),
    "properties": {
        "lost": NUMBER | {"description": "Events of which the kernel could not tell."},
        "sockets": SOCKETS,
    },
}
HEAD = {
    "host_id": {"type": "string", "pattern": f"^{HOST_ID}$"},
    "taken_at": TIME | {"description": "By the clock of the host, with its zone."},
    "sent_at": maybe(TIME)
    | {"description": "By the same clock: it tells how far that is off, and that a sweep waited."},
    "verdict": words(Verdict),
    "reason": TEXT,
    "machine_id": TEXT,
    "boot_id": TEXT,
    "booted_at": maybe(TIME),
    "uptime": SECONDS | {"maximum": wire.MOST_UPTIME},
    "source": {"type": "string", "enum": list(wire.SOURCES)},
    "tool_version": TEXT,
    "owners_seen": words(OwnersSeen),
    "owners_reason": TEXT,
    "event_source": words(EventSource) | {"description": "What tells of ports between looks."},
    "event_source_reason": TEXT | {"description": "Why nothing does."},
    "news": NEWS,
    "interval": SECONDS | {"description": "Until the next sweep is due; 0 if none is."},
    "duration": SECONDS,
    "skipped": NUMBER,
}
LISTENERS = objects(
    ["protocol", "port", "owner_state", "endpoints"],
    wire.MOST_LISTENERS,
    protocol=words(Protocol),
    port={"type": "integer", "minimum": 1, "maximum": 65535},
    owner_state=words(OwnerState),
    pids={"type": "array", "items": PID, "maxItems": wire.MOST_OF_ONE},
    process_name=TEXT,
    cmdline=TEXT,
    exe=TEXT,
    exe_is_deleted=FLAG,
    user=TEXT,
    process_started_at=maybe(TIME),
    role=words(Role),
    unit=TEXT,
    socket_unit=TEXT,
    container=TEXT,
    container_name=TEXT,
    image=TEXT,
    compose_service=TEXT,
    ancestors=objects(["pid", "name"], wire.MOST_ANCESTORS, pid=PID, name=TEXT),
    is_client=FLAG,
    well_known=TEXT,
    endpoints=objects(
        ["address"],
        wire.MOST_OF_ONE,
        address=TEXT,
        device=TEXT,
        backlog=NUMBER,
        limit=NUMBER,
        cookie=TEXT,
        inode=NUMBER,
        pid=maybe(PID),
        process_name=TEXT,
    )
    | {"minItems": 1},
)
WHOLE = {
    "type": "object",
    "title": "A whole sweep",
    "required": ["host_id", "taken_at", "verdict", "listeners"],
    "properties": HEAD
    | {"listeners": LISTENERS}
    | {"confirmed": FLAG | {"description": "A second look, taken at once, agreed with it."}},
}
BY_DIGEST = {
    "type": "object",
    "title": "A sweep by its digest",
    "required": ["host_id", "taken_at", "verdict", "digest"],
    "properties": HEAD
    | {
        "verdict": {"type": "string", "enum": [Verdict.COMPLETE.value]},
        "digest": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    },
    "not": {"required": ["listeners"]},
}

HEAD_SAID = {
    "host_id": "atlas",
    "machine_id": "4b8a7d1c0e3f4a5b9c8d7e6f5a4b3c2d",
    "boot_id": "0f3a4c52-7d0b-4a37-9f6e-2f1f0b9c8d7e",
    "taken_at": "2026-01-31T12:00:00+00:00",
    "sent_at": "2026-01-31T12:00:01+00:00",
    "uptime": 86400.5,
    "interval": 15,
    "verdict": "complete",
}
LISTENER_SAID = {
    "protocol": "tcp",
    "port": 443,
    "owner_state": "known",
    "pids": [812, 813],
    "process_name": "nginx",
    "exe": "/usr/sbin/nginx",
    "endpoints": [{"address": "192.0.2.7", "limit": 511, "cookie": "1a2b", "inode": 23456}],
}
DIGEST = "9f86d081884c7d659a2feaa0c55ad015"
EXAMPLES = [
    OpenApiExample("Whole", HEAD_SAID | {"listeners": [LISTENER_SAID]}, request_only=True),
    OpenApiExample("By its digest", HEAD_SAID | {"digest": DIGEST}, request_only=True),
    OpenApiExample(
        "Recorded",
        {"outcome": "recorded", "verdict": "complete", "reason": "", "digest": DIGEST},
        response_only=True,
        status_codes=["200"],
    ),
    OpenApiExample(
        "Hard to believe",
        {
            "outcome": "recorded",
            "verdict": "suspect",
            "reason": "5 of 8 ports are gone at once.",
            "digest": "",
        },
        response_only=True,
        status_codes=["200"],
    ),
]


class SweepAnswerSerializer(serializers.Serializer):
    """
    How a sweep was taken.

    A `verdict` of suspect asks for another look at once, to be sent as `confirmed` if it sees the
    same. `digest` stands for the next sweep if that sees the same as this one; if it is empty, the
    next one is sent whole.
    """

    outcome = serializers.ChoiceField(["recorded", "unchanged", "repeated"])
    verdict = serializers.ChoiceField([str(word) for word in Verdict])
    reason = serializers.CharField()
    digest = serializers.CharField()


class OfSweeps(AutoSchema):
    """Who brings a sweep sends a body, plain or compressed."""

    def get_tags(self):
        return ["sweeps"]

    def get_operation(self, *args, **kwargs):
        operation = super().get_operation(*args, **kwargs)
        operation["requestBody"]["required"] = True
        return operation


def _forbidden() -> OpenApiResponse:
    """Describe the three ways in which a sweep is forbidden."""
    kinds = [BY_NAME[name] for name in ("forbidden", "not-your-host", "other-machine")]
    return OpenApiResponse(
        {"$ref": "#/components/schemas/Problem"},
        description=" ".join(f"{kind.title}. {kind.meaning}" for kind in kinds),
        examples=[
            OpenApiExample(
                kind.name,
                {"type": f"/api/v1/problems/{kind.name}/", "title": kind.title}
                | {"status": kind.status, "detail": kind.meaning},
            )
            for kind in kinds
        ],
    )


bring = extend_schema(
    operation_id="bring_sweep",
    summary="Bring a sweep",
    request={"application/json": {"oneOf": [WHOLE, BY_DIGEST]}},
    responses={200: SweepAnswerSerializer, (403, PROBLEM): _forbidden()},
    examples=EXAMPLES,
)
