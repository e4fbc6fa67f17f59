from rest_framework import serializers

from notes.forms import NoteForm
from notes.models import PortNote
from portatlas.models import Port


class NoteSerializer(serializers.ModelSerializer):
    class Meta:
        model = PortNote
        fields = ["id", *NoteForm.Meta.fields, "created_at", "updated_at"]


class PortSerializer(serializers.ModelSerializer):
    """A fact merged with its note, its state and why."""

    host_id = serializers.CharField()
    state = serializers.CharField()
    reason = serializers.CharField()
    last_seen_at = serializers.DateTimeField(source="seen_at")
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
            "is_client",
            "owner_state",
            "process_name",
            "cmdline",
            "exe",
            "user",
            "unit",
            "container",
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
