from rest_framework import serializers

from portatlas.api.note_serializers import NoteSerializer
from portatlas.models import Port


class PortSerializer(serializers.ModelSerializer):
    """A fact merged with its note, its state and why."""

    host_id = serializers.CharField()
    state = serializers.CharField()
    reason = serializers.CharField()
    last_seen_at = serializers.DateTimeField(source="seen_at")
    is_client = serializers.BooleanField(source="counts_as_client")
    is_split = serializers.BooleanField()
    is_crowded = serializers.BooleanField()
    uptime_seconds = serializers.SerializerMethodField()
    note = NoteSerializer(allow_null=True)

    class Meta:
        model = Port
        fields = [
            "host_id",
            "protocol",
            "port",
            "state",
            "reason",
            "current_state",
            "scope",
            "endpoints",
            "is_split",
            "backlog",
            "backlog_limit",
            "is_crowded",
            "is_client",
            "well_known",
            "owner_state",
            "role",
            "process_name",
            "process_started_at",
            "cmdline",
            "exe",
            "exe_is_deleted",
            "user",
            "unit",
            "socket_unit",
            "container",
            "container_name",
            "image",
            "compose_service",
            "current_pid",
            "pids",
            "first_seen_at",
            "last_seen_at",
            "last_disappeared_at",
            "active_since",
            "uptime_seconds",
            "note",
        ]
        read_only_fields = fields

    def get_uptime_seconds(self, port) -> int | None:
        return None if port.uptime is None else int(port.uptime.total_seconds())
