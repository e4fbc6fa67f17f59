"""
What a port looks like as JSON.

This describes it, and tells single ports; pages of them are written by `rows.py`, which a test
holds against this.
"""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from portatlas.api.note_serializers import NoteSerializer
from portatlas.intervals import Look
from portatlas.models import Port
from portatlas.states import PortState


class EndpointSerializer(serializers.Serializer):
    """One socket that is bound to the port."""

    address = serializers.CharField()
    device = serializers.CharField(allow_blank=True)
    scope = serializers.CharField()
    backlog = serializers.IntegerField()
    limit = serializers.IntegerField()
    cookie = serializers.CharField(allow_blank=True)
    inode = serializers.IntegerField()
    family = serializers.CharField(required=False)
    pid = serializers.IntegerField(required=False, allow_null=True)
    process_name = serializers.CharField(required=False, allow_blank=True)


class NoteOfPortSerializer(NoteSerializer):
    """The note that speaks for a port: its own, else that for every host."""

    for_every_host = serializers.BooleanField(source="speaks_for_every_host")

    class Meta(NoteSerializer.Meta):
        fields = [*NoteSerializer.Meta.fields, "for_every_host"]
        # Of a note as it was at a time these are not known.
        extra_kwargs = NoteSerializer.Meta.extra_kwargs | {
            "version": {"allow_null": True},
            "created_at": {"allow_null": True},
        }


class ThenSerializer(serializers.Serializer):
    """What is known of a port at the time that was asked about."""

    at = serializers.DateTimeField()
    look = serializers.ChoiceField(choices=[look.value for look in Look])
    since = serializers.DateTimeField(allow_null=True)
    until = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField(
        allow_blank=True, help_text="Why something is not known, or not as it seems."
    )


class PortSerializer(serializers.ModelSerializer):
    """
    A fact merged with its note, its state and why.

    `look` says whether the port is up or down by now; of a silent host that is unknown, and all
    else is what was seen last, at `unknown_since`.

    Asked about a time with `at`, it has `then` as well, the holder, the note and the state of
    then, and null for all that cannot be known of it. Its `current_state` is what is known of
    then by now; a port that was awaited after a reboot has the state that it had while it was.
    """

    host_id = serializers.CharField()
    state = serializers.ChoiceField(choices=PortState.values, allow_null=True)
    reason = serializers.CharField(allow_null=True)
    endpoints = serializers.SerializerMethodField()
    pids = serializers.ListField(child=serializers.IntegerField(), allow_null=True)
    last_seen_at = serializers.DateTimeField(source="seen_at", allow_null=True)
    is_client = serializers.BooleanField(source="counts_as_client", allow_null=True)
    is_split = serializers.BooleanField(allow_null=True)
    is_crowded = serializers.BooleanField(allow_null=True)
    uptime_seconds = serializers.SerializerMethodField()
    note = NoteOfPortSerializer(allow_null=True)
    look = serializers.ChoiceField(
        choices=[look.value for look in Look], default=None, allow_null=True
    )
    unknown_since = serializers.DateTimeField(default=None, allow_null=True)
    then = ThenSerializer(required=False)

    class Meta:
        model = Port
        fields = [
            *("host_id", "protocol", "port", "state", "reason", "current_state", "scope"),
            *("endpoints", "is_split", "backlog", "backlog_limit", "is_crowded", "is_client"),
            *("well_known", "owner_state", "role", "process_name", "process_started_at"),
            *("cmdline", "exe", "exe_is_deleted", "user", "unit", "socket_unit", "container"),
            *("container_name", "image", "compose_service", "current_pid", "pids"),
            *("first_seen_at", "last_seen_at", "last_disappeared_at", "active_since"),
            *("uptime_seconds", "note", "look", "unknown_since", "then"),
        ]
        read_only_fields = fields
        extra_kwargs = {
            name: {"allow_null": True}
            for name in (
                *("current_state", "scope", "backlog", "backlog_limit", "owner_state", "role"),
                *("process_name", "cmdline", "exe", "exe_is_deleted", "user", "unit"),
                *("socket_unit", "container", "container_name", "image", "compose_service"),
            )
        }

    @extend_schema_field(EndpointSerializer(many=True, allow_null=True))
    def get_endpoints(self, port):
        return port.endpoints

    def get_uptime_seconds(self, port) -> int | None:
        return None if port.uptime is None else int(port.uptime.total_seconds())
