from rest_framework import serializers

from notes.forms import NoteForm
from notes.models import PortNote


class NoteSerializer(serializers.ModelSerializer):
    class Meta:
        model = PortNote
        fields = ["id", *NoteForm.Meta.fields, "created_at", "updated_at"]
