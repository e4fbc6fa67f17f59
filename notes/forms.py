from django import forms

from notes import tags
from notes.models import PortNote


class TagsField(forms.CharField):
    """Tags as people type them: words between commas or blanks."""

    def prepare_value(self, value):
        return ", ".join(value) if isinstance(value, list) else value

    def clean(self, value):
        words = tags.parse(super().clean(value))
        tags.validate(words)
        return words

    def has_changed(self, initial, data):
        return tags.parse(data or "") != (initial or [])


class NoteForm(forms.ModelForm):
    tags = TagsField(required=False, help_text="Lower-case words, separated by commas.")

    class Meta:
        model = PortNote
        fields = [
            "host_id",
            "protocol",
            "port",
            "title",
            "description",
            "owner",
            "service_type",
            "risk_level",
            "tags",
            "expected_scope",
            "review_by",
        ]
