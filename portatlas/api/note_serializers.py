"""Notes as JSON: what is told of one, and what one may say."""

from django.db import models
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from notes import tags
from notes.batch import MOST, Verb
from notes.forms import NoteForm
from notes.models import PortNote
from portatlas.models import KEY


class Text(serializers.CharField):
    """A text; a number is none, though REST framework would make one of it."""

    def to_internal_value(self, data):
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Whole(serializers.IntegerField):
    """A whole number; a text is none."""

    def to_internal_value(self, data):
        if isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


@extend_schema_field(
    {
        "type": "array",
        "items": {"type": "string", "pattern": f"^{tags.WORD.pattern}$"},
        "maxItems": tags.MOST,
        "uniqueItems": True,
    }
)
class TagsField(serializers.JSONField):
    """A list of tags, each once."""


class OnlyKnown:
    """Refuses names that are none of its fields', so that none is lost that is misspelt."""

    def to_internal_value(self, data):
        if isinstance(data, dict) and (unknown := data.keys() - self.fields.keys()):
            message = "There is no field of this name."
            raise serializers.ValidationError({name: [message] for name in sorted(unknown)})
        return super().to_internal_value(data)


class NoteSerializer(OnlyKnown, serializers.ModelSerializer):
    """
    A note. What the form refuses is refused here; so is a name that is none of a field's.

    What only the server says (`version`, `created_at`, `updated_at`) may be sent back and is
    passed over, so that what was read can be changed and put. Whether a key is taken is decided
    where the note is written.
    """

    serializer_field_mapping = serializers.ModelSerializer.serializer_field_mapping | {
        models.CharField: Text,
        models.TextField: Text,
        models.PositiveIntegerField: Whole,
    }

    tags = TagsField(validators=[tags.validate], required=False)

    class Meta:
        model = PortNote
        fields = [*NoteForm.Meta.fields, "version", "created_at", "updated_at"]
        read_only_fields = ["version", "created_at", "updated_at"]
        validators = []
        extra_kwargs = {"protocol": {"required": True}}


def differing(said: dict, key: tuple[str, str, int]) -> dict[str, list[str]]:
    """Return the errors of a body whose key is another than that of its address."""
    return {
        name: [f"The address says {ours}."]
        for name, ours in zip(KEY, key, strict=True)
        if said.get(name, ours) != ours
    }


class NoteAtAddressSerializer(NoteSerializer):
    """A note whose key stands in its address; in the body it may be said once more."""

    class Meta(NoteSerializer.Meta):
        extra_kwargs = {name: {"required": False} for name in KEY}


class BulkItemSerializer(NoteSerializer):
    """What the note of one port says: `put` it, or `patch` what is there."""

    op = serializers.ChoiceField(choices=[Verb.PUT, Verb.PATCH], default=Verb.PUT)
    if_match = Whole(
        required=False,
        min_value=0,
        max_value=2**31 - 1,
        help_text="The version that was read, 0 for none. Without it the last writer wins.",
    )

    class Meta(NoteSerializer.Meta):
        fields = [*NoteSerializer.Meta.fields, "op", "if_match"]


class BulkDeleteSerializer(BulkItemSerializer):
    """The note of one port that there shall be no more."""

    op = serializers.ChoiceField(choices=[Verb.DELETE])

    class Meta(NoteSerializer.Meta):
        fields = [*KEY, "op", "if_match"]


class BulkSerializer(serializers.Serializer):
    """Up to 1,000 items, each about another port: all of them are written, or none."""

    items = BulkItemSerializer(many=True, max_length=MOST)
    dry_run = serializers.BooleanField(default=False)


class BulkOutcomeSerializer(serializers.Serializer):
    """What came of one item. `version` is that of the note now, 0 for none."""

    host_id = serializers.CharField()
    protocol = serializers.CharField()
    port = serializers.IntegerField()
    outcome = serializers.ChoiceField(choices=["created", "changed", "unchanged", "deleted"])
    version = serializers.IntegerField()
    changes = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="The fields that are others now."
    )


class BulkAnswerSerializer(serializers.Serializer):
    """An outcome for each item, in the order in which they were sent."""

    dry_run = serializers.BooleanField()
    items = BulkOutcomeSerializer(many=True)
