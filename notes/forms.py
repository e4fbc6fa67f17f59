"""The form of a note, on the board and in the admin alike."""

from collections.abc import Mapping
from datetime import datetime

from django import forms
from django.utils.html import format_html, format_html_join

from notes import tags
from notes.models import PortNote
from notes.services import INHERITED, Key, Written, annotate

TAGS_HELP = "Lower-case words, separated by commas."
AS_IT_IS = ("", "as it is")
MOST_OPTIONS = 200  # of what others wrote, offered while one types


class Completed(forms.TextInput):
    """A text field that offers what other notes say there."""

    def __init__(self, options, attrs=None):
        super().__init__(attrs)
        self.options = options  # a function: it is asked when the field is shown

    def render(self, name, value, attrs=None, renderer=None):
        known = f"known-{(attrs or {}).get('id') or name}"
        field = super().render(name, value, (attrs or {}) | {"list": known}, renderer)
        options = format_html_join("", '<option value="{}"></option>', zip(self.options()))
        return format_html('{}<datalist id="{}">{}</datalist>', field, known, options)


def owners() -> list[str]:
    """Return who is named in the notes."""
    names = PortNote.objects.exclude(owner="").order_by("owner").values_list("owner", flat=True)
    return list(names.distinct()[:MOST_OPTIONS])


def words() -> list[str]:
    """Return the tags of the notes that were written last."""
    lists = PortNote.objects.exclude(tags=[]).order_by("-pk").values_list("tags", flat=True)
    return sorted({tag for each in lists[:MOST_OPTIONS] for tag in each})[:MOST_OPTIONS]


class TagsField(forms.CharField):
    """Tags as people type them: words between commas or blanks."""

    widget = Completed(words)

    def prepare_value(self, value):
        return ", ".join(value) if isinstance(value, list) else value

    def clean(self, value):
        found = tags.parse(super().clean(value))
        tags.validate(found)
        return found

    def has_changed(self, initial, data):
        return tags.parse(data or "") != (initial or [])


class NoteForm(forms.ModelForm):
    """
    A note with the version that its writer has read.

    If somebody else saved or deleted it meanwhile, he is told what differs; what he wrote stays
    in the form, and saving it once more is his decision.
    """

    tags = TagsField(required=False, help_text=TAGS_HELP)
    seen = forms.IntegerField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = PortNote
        fields = ["host_id", "protocol", "port", *INHERITED]
        widgets = {
            "owner": Completed(owners),
            "description": forms.Textarea({"rows": 4}),
            "review_by": forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
        }

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.initial["seen"] = self.instance.version if self.instance.pk else None

    def clean(self):
        cleaned = super().clean()
        version = self.instance.version if self.instance.pk else None
        if cleaned.get("seen") != version:
            self.data = self.data.copy()
            self.data[self.add_prefix("seen")] = "" if version is None else version
            raise forms.ValidationError(self._told(cleaned), code="changed")
        return cleaned

    def _told(self, mine: dict) -> str:
        """Say who else changed the note, and where his words are not those of this form."""
        note = self.instance
        if not note.pk:
            return (
                "Somebody deleted this note while you were writing. What you wrote is kept below: "
                "save once more to write it anew."
            )
        other = [
            f"{self[name].label}: {shown(getattr(note, name))}"
            for name in NoteForm.Meta.fields  # those of the admin's own form are others too
            if name in mine and (mine[name] or "") != (getattr(note, name) or "")
        ]
        differs = f" It says now: {'; '.join(other)}." if other else " It says what you say."
        return (
            f"{note.updated_by or 'Somebody'} saved this note while you were writing.{differs} "
            "What you wrote is kept below: save once more to put it in the place of that."
        )


def shown(value) -> str:
    """Say a field's value in a sentence."""
    text = ", ".join(value) if isinstance(value, list) else str(value or "")
    return f"“{text[:200]}”" if text else "nothing"


class AnnotateForm(forms.Form):
    """The same words for many notes: what is left empty stays as it is."""

    risk_level = forms.ChoiceField(
        label="Risk", required=False, choices=[AS_IT_IS, *PortNote.RiskLevel.choices]
    )
    owner = forms.CharField(
        required=False,
        max_length=PortNote._meta.get_field("owner").max_length,
        widget=Completed(owners),
        help_text="Who to ask about it.",
    )
    service_type = forms.ChoiceField(
        required=False, choices=[AS_IT_IS, *PortNote.ServiceType.choices]
    )
    expected_scope = forms.ChoiceField(
        label="May listen", required=False, choices=[AS_IT_IS, *PortNote.ExpectedScope.choices]
    )
    review_by = forms.DateField(
        required=False,
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
        help_text="When somebody should look again.",
    )
    add_tags = TagsField(
        required=False, help_text="Lower-case words, separated by commas, beside those it has."
    )

    def clean(self):
        cleaned = super().clean()
        if not self.errors and not any(cleaned.values()):
            raise forms.ValidationError("Nothing is filled in, so nothing would change.")
        return cleaned

    def write(self, keys, *, by, at: datetime, seen: Mapping[Key, int]) -> Written | None:
        """
        Write what is said into the notes of ports, as `services.annotate` does.

        None, with the errors in the form, where it makes no sense or the tags become too many.
        """
        if not self.is_valid():
            return None
        said = {name: value for name, value in self.cleaned_data.items() if value}
        words = said.pop("add_tags", ())
        try:
            return annotate(keys, said, by=by, at=at, add_tags=words, seen=seen)
        except forms.ValidationError as exc:
            self.add_error("add_tags", exc)
            return None
